import { afterEach, describe, expect, inject, test } from 'vitest'
import type { Baton } from '../interop/support/baton.ts'
import { eventually } from '../interop/support/eventually.ts'
import type { Clients } from './support/clients.ts'
import { faultRow, nothingLost, Scene } from './support/scene.ts'
import { SMALL } from './support/stage.ts'
import type { Reply, Tamper } from './support/tampering-proxy.ts'

const { name: MODEL } = SMALL
const ORDER = 1

/** How long an alias is moved to and fro, and how often. */
const FLAPPING_MS = 5000
const FLAP_MS = 100

let scene = new Scene()
afterEach(async () => {
  await scene.cleanup.run()
  scene = new Scene()
})

const readiness = async (baton: Baton) => {
  const response = await fetch(`${baton.url}/readyz`)
  return { status: response.status, ...((await response.json()) as object) }
}

/** Resolves to the code and message with which `/models` shows the reference's trouble. */
const trouble = (baton: Baton) =>
  eventually('/models to tell of the trouble', async () => {
    const { refs } = await scene.facts(baton, MODEL)
    return refs[0]?.error
  })

/** Moves the alias while the registry is disturbed, then mends it; resolves once the move was carried out. */
async function recover(clients: Clients, alias: string, mend: () => Promise<void> | void) {
  await scene.registry.setAlias(MODEL, alias, '2')
  await clients.answered(20)
  await mend()
  await clients.settledOn('2')
  return nothingLost(await clients.stop())
}

describe.skipIf(inject('stage') === undefined)('the registry', () => {
  test('is down when Baton starts: it starts from its cache, and says so', async () => {
    const link = await scene.linkToRegistry()
    const alias = await scene.alias(MODEL, '1')
    const BATON_CACHE_DIR = await scene.folder()
    const options = { model: MODEL, alias, registryUrl: link.url, env: { BATON_CACHE_DIR } }
    await (await scene.serve(options)).stop()
    await link.cut()
    const baton = await scene.serve(options)
    expect(await readiness(baton)).toMatchObject({
      status: 200,
      ready: true,
      from_cache: [{ model: MODEL, ref: alias, version: '1' }],
    })
    expect(await baton.metric('baton_served_from_cache', 'version="1"')).toBe(1)
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    const logged = baton.logged('has not answered since the start')
    const seen = await recover(clients, alias, () => link.mend())
    expect(await readiness(baton)).toEqual({ status: 200, ready: true })
    await faultRow(ORDER, {
      fault: 'Registry down at start, with a warm cache',
      clients: seen,
      logged,
      recovered: 'the first poll that is answered; the move made meanwhile was carried out',
    })
  })

  test('is down while Baton serves: it serves on, and follows again by itself', async () => {
    const link = await scene.linkToRegistry()
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias, registryUrl: link.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    await link.cut()
    expect(await trouble(baton)).toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    expect(await readiness(baton)).toEqual({ status: 200, ready: true })
    const seen = await recover(clients, alias, () => link.mend())
    await faultRow(ORDER, {
      fault: 'Registry down while serving',
      clients: seen,
      logged: baton.logged('the registry cannot be asked'),
      recovered: 'the next poll; the move made meanwhile was carried out',
    })
  })

  test('is slower than its time limit: as if it were down', async () => {
    const link = await scene.linkToRegistry()
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias, registryUrl: link.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    await link.disturb({ type: 'latency', attributes: { latency: 3000 } })
    expect(await trouble(baton)).toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    const seen = await recover(clients, alias, () => link.mend())
    await faultRow(ORDER, {
      fault: 'Registry slow: 3 s, with `--registry-timeout 1s`',
      clients: seen,
      logged: baton.logged('the registry cannot be asked'),
      recovered: 'the next poll',
    })
  })

  const html = '<!doctype html><title>Sign in</title>'
  const faulty: readonly {
    fault: string
    code: string
    change: (reply: Reply) => Partial<Reply>
  }[] = [
    {
      fault: 'answers 500',
      code: 'REGISTRY_UNAVAILABLE',
      change: () => ({ status: 500, contentType: 'text/plain', body: Buffer.from('oops') }),
    },
    {
      fault: 'answers 403',
      code: 'REGISTRY_DENIED',
      change: () => ({ status: 403, contentType: 'text/plain', body: Buffer.from('no') }),
    },
    {
      fault: 'answers HTML',
      code: 'REGISTRY_UNAVAILABLE',
      change: () => ({ contentType: 'text/html', body: Buffer.from(html) }),
    },
    {
      fault: 'answers half a JSON',
      code: 'REGISTRY_UNAVAILABLE',
      change: ({ body }) => ({ body: body.subarray(0, Math.floor(body.length / 2)) }),
    },
  ]
  test.each(faulty)('$fault: the version that serves goes on', async ({ fault, code, change }) => {
    const proxy = await scene.tamperWithRegistry()
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias, registryUrl: proxy.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    proxy.tamper = change
    expect(await trouble(baton)).toMatchObject({ code })
    expect(await readiness(baton)).toEqual({ status: 200, ready: true })
    const seen = await recover(clients, alias, () => {
      proxy.tamper = undefined
    })
    await faultRow(ORDER, {
      fault: `Registry ${fault}`,
      clients: seen,
      logged: baton.logged('the registry cannot be asked'),
      recovered: 'the next poll',
    })
  })

  test('names a version that was deleted: the one that serves goes on', async () => {
    const proxy = await scene.tamperWithRegistry()
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias, registryUrl: proxy.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    proxy.tamper = dangling(alias)
    expect(await trouble(baton)).toMatchObject({ code: 'VERSION_NOT_FOUND' })
    const seen = await recover(clients, alias, () => {
      proxy.tamper = undefined
    })
    await faultRow(ORDER, {
      fault: 'Alias to a deleted version',
      clients: seen,
      logged: baton.logged('which is not there'),
      recovered: 'the alias was pointed at another version',
    })
  })

  test('deletes the version that serves, and its alias with it: it serves on', async () => {
    const alias = await scene.alias(MODEL, '3')
    const baton = await scene.serve({ model: MODEL, alias })
    const clients = scene.clients(baton)
    await clients.settledOn('3')
    await scene.registry.deleteVersion(MODEL, '3')
    expect(await trouble(baton)).toMatchObject({ code: 'ALIAS_NOT_FOUND' })
    expect(await readiness(baton)).toEqual({ status: 200, ready: true })
    const seen = await recover(clients, alias, () => {})
    await faultRow(ORDER, {
      fault: 'The version that serves is deleted, and its alias with it',
      clients: seen,
      logged: baton.logged('has no alias')?.replace(/(its aliases are).*/, '$1 …'),
      recovered: 'the alias was set again',
    })
  })

  test('moves an alias every 100 ms: hand-overs stay few, and the last move holds', async () => {
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    const before = Number(await baton.metric('baton_swaps_total', 'result="swapped"'))
    let moves = 0
    let due = performance.now()
    for (const end = due + FLAPPING_MS; due < end; due += FLAP_MS) {
      moves += 1
      await scene.registry.setAlias(MODEL, alias, moves % 2 === 0 ? '1' : '2')
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(0, due + FLAP_MS - performance.now())),
      )
    }
    await scene.registry.setAlias(MODEL, alias, '2')
    await clients.settledOn('2')
    const swaps = Number(await baton.metric('baton_swaps_total', 'result="swapped"')) - before
    // A poll every 250 ms sees no more, however often the alias moves.
    expect(swaps).toBeLessThanOrEqual(FLAPPING_MS / 225 + 5)
    await faultRow(ORDER, {
      fault: `Alias flapping every ${FLAP_MS} ms for ${FLAPPING_MS / 1000} s, with \`--poll-interval 250ms\``,
      clients: nothingLost(await clients.stop()),
      logged: `${swaps} hand-overs for ${moves} moves; ${baton.logged('hand-over swapped')}`,
      recovered: 'the version named last serves',
    })
  })
})

/** An alias that outlived its version, as releases of MLflow before 3.18 leave it. */
function dangling(alias: string): Tamper {
  return ({ body }, path) => {
    if (!path.includes('/registered-models/get')) return undefined
    const reply = JSON.parse(body.toString()) as {
      registered_model: { aliases: { alias: string; version: string }[] }
    }
    for (const entry of reply.registered_model.aliases) {
      if (entry.alias === alias) entry.version = '99'
    }
    return { body: Buffer.from(JSON.stringify(reply)) }
  }
}
