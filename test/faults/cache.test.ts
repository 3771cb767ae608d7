import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { command, freePort } from '../interop/support/backends.ts'
import type { Baton } from '../interop/support/baton.ts'
import { eventually } from '../interop/support/eventually.ts'
import { faultRow, nothingLost, Scene } from './support/scene.ts'
import { LARGE, SMALL } from './support/stage.ts'

const ORDER = 3

let scene = new Scene()
afterEach(async () => {
  await scene.cleanup.run()
  scene = new Scene()
})

/** Folder of the cache's entry of a version. */
async function entryOf(cache: string, model: string, version: string): Promise<string> {
  const entry = (await readdir(cache)).find((name) => name.startsWith(`${model}-${version}-`))
  if (entry === undefined) throw new Error(`expected version ${version} in the cache`)
  return path.join(cache, entry)
}

/** Resolves once a version of the model is in this state. */
const inState = (baton: Baton, model: string, state: string) =>
  eventually(`a version that is ${state}`, async () => {
    const { versions } = await scene.facts(baton, model)
    return versions.find((version) => version.state === state)
  })

const ended = async (baton: Baton) => {
  baton.signal('SIGKILL')
  expect(await baton.ended).toMatchObject({ signal: 'SIGKILL' })
}

describe.skipIf(inject('stage') === undefined || process.getuid?.() !== 0)(
  'the disk of the cache (mounted by root)',
  () => {
    /** A file system of this size, in memory. */
    async function disk(size: string): Promise<string> {
      const folder = await scene.folder()
      await command('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
      return scene.cleanup.add(folder, (it) => command('umount', ['--lazy', it]))
    }
    const remount = (folder: string, option: string) =>
      command('mount', ['-o', `remount,${option}`, folder])

    test('is full: the version that serves goes on until there is room', async () => {
      const BATON_CACHE_DIR = await disk('50m')
      const alias = await scene.alias(LARGE.name, '1')
      const baton = await scene.serve({ model: LARGE.name, alias, env: { BATON_CACHE_DIR } })
      const clients = scene.clients(baton)
      await clients.settledOn('1')
      await scene.registry.setAlias(LARGE.name, alias, '2')
      expect(await scene.failed(baton, LARGE.name, '2')).toMatchObject({ code: 'CACHE_FAILED' })
      await remount(BATON_CACHE_DIR, 'size=200m')
      await clients.settledOn('2', 45_000)
      await faultRow(ORDER, {
        fault: 'Disk full: 50 MiB for two versions of 32 MiB',
        clients: nothingLost(await clients.stop()),
        logged: baton.logged('version failed'),
        recovered: 'the next try after there was room',
      })
    })

    test('fills up in the middle of a download: the version that serves goes on', async () => {
      const link = await scene.linkToBucket()
      const BATON_CACHE_DIR = await disk('80m')
      const alias = await scene.alias(LARGE.name, '1')
      const options = { model: LARGE.name, alias, bucketUrl: link.url }
      const baton = await scene.serve({ ...options, env: { BATON_CACHE_DIR } })
      const clients = scene.clients(baton)
      await clients.settledOn('1')
      await link.disturb({ type: 'bandwidth', attributes: { rate: 4096 } })
      await scene.registry.setAlias(LARGE.name, alias, '2')
      const staging = path.join(BATON_CACHE_DIR, '.staging')
      await eventually('bytes on disk', async () => (await readdir(staging))[0])
      const filler = path.join(BATON_CACHE_DIR, '.filler')
      // What is left is less than what is still to come.
      await command('fallocate', ['-l', '40M', filler])
      expect(await scene.failed(baton, LARGE.name, '2')).toMatchObject({ code: 'CACHE_FAILED' })
      const logged = baton.logged('version failed')
      await rm(filler)
      await link.mend()
      await clients.settledOn('2', 45_000)
      await faultRow(ORDER, {
        fault: 'Disk that fills up in the middle of a download',
        clients: nothingLost(await clients.stop()),
        logged,
        recovered: 'the half was removed; the next try after there was room',
      })
    })

    test('is read-only: the version that serves goes on until it can be written', async () => {
      const BATON_CACHE_DIR = await disk('50m')
      const alias = await scene.alias(SMALL.name, '1')
      const options = { model: SMALL.name, alias, env: { BATON_CACHE_DIR } }
      await (await scene.serve(options)).stop()
      await remount(BATON_CACHE_DIR, 'ro')
      const baton = await scene.serve(options)
      const clients = scene.clients(baton)
      await clients.settledOn('1')
      await scene.registry.setAlias(SMALL.name, alias, '2')
      expect(await scene.failed(baton, SMALL.name, '2')).toMatchObject({ code: 'CACHE_FAILED' })
      await remount(BATON_CACHE_DIR, 'rw')
      await clients.settledOn('2', 45_000)
      await faultRow(ORDER, {
        fault: 'Cache folder read-only, at start and when the alias moves',
        clients: nothingLost(await clients.stop()),
        logged: baton.logged('version failed'),
        recovered: 'what it holds is served; the next try after it could be written',
      })
    })
  },
)

describe.skipIf(inject('stage') === undefined)('the cache', () => {
  const harms: readonly { what: string; harm: (entry: string) => Promise<void> }[] = [
    {
      what: 'a byte of a file changed',
      harm: async (entry) => {
        const file = path.join(entry, 'files/model.onnx')
        const bytes = await readFile(file)
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        await writeFile(file, bytes)
      },
    },
    { what: 'a file longer', harm: (entry) => appendFile(path.join(entry, 'files/MLmodel'), '\n') },
    { what: 'its index cut off', harm: (entry) => writeFile(path.join(entry, 'index.json'), '{') },
  ]
  test.each(harms)('has $what: it is downloaded again', async ({ what, harm }) => {
    const BATON_CACHE_DIR = await scene.folder()
    const alias = await scene.alias(SMALL.name, '1')
    const options = { model: SMALL.name, alias, env: { BATON_CACHE_DIR } }
    await (await scene.serve(options)).stop()
    await harm(await entryOf(BATON_CACHE_DIR, SMALL.name, '1'))
    const baton = await scene.serve(options)
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    await clients.answered(50)
    expect(baton.logged('cache: downloaded')).toBeDefined()
    await faultRow(ORDER, {
      fault: `Cache corrupted by hand: ${what}`,
      clients: nothingLost(await clients.stop()),
      logged: baton.logged('cache: damaged') ?? baton.logged('cache: downloaded'),
      recovered: 'the entry was thrown away and downloaded again, before anything was served of it',
    })
  })

  test('is shared by two Batons that start and hand over at once', async () => {
    const BATON_CACHE_DIR = await scene.folder()
    const alias = await scene.alias(LARGE.name, '1')
    const options = { model: LARGE.name, alias, env: { BATON_CACHE_DIR } }
    const batons = await Promise.all([scene.serve(options), scene.serve(options)])
    const clients = batons.map((baton) => scene.clients(baton))
    await Promise.all(clients.map((it) => it.settledOn('1')))
    await scene.registry.setAlias(LARGE.name, alias, '2')
    await Promise.all(clients.map((it) => it.settledOn('2')))
    const seen = await Promise.all(clients.map(async (it) => nothingLost(await it.stop())))
    for (const baton of batons) {
      expect(await scene.facts(baton, LARGE.name)).toMatchObject({ ready: true })
    }
    expect(await readdir(path.join(BATON_CACHE_DIR, '.staging'))).toEqual([])
    await faultRow(ORDER, {
      fault: 'Two Batons on one cache folder, starting and handing over at once',
      clients: seen.join('; '),
      logged: batons.map((baton) => baton.logged('hand-over swapped')).join('; '),
      recovered: 'one entry a version, whole, used by both',
    })
  })

  test('is left in the middle of a download by kill -9: the next start is clean', async () => {
    const link = await scene.linkToBucket()
    const BATON_CACHE_DIR = await scene.folder()
    const alias = await scene.alias(LARGE.name, '1')
    const options = {
      model: LARGE.name,
      alias,
      bucketUrl: link.url,
      env: { BATON_CACHE_DIR },
      port: await freePort(),
    }
    const killed = await scene.serve(options)
    await link.disturb({ type: 'bandwidth', attributes: { rate: 4096 } })
    await scene.registry.setAlias(LARGE.name, alias, '2')
    await inState(killed, LARGE.name, 'downloading')
    const staging = path.join(BATON_CACHE_DIR, '.staging')
    await eventually('bytes on disk', async () => (await readdir(staging))[0])
    await ended(killed)
    await link.mend()
    const baton = await scene.serve(options)
    const clients = scene.clients(baton)
    await clients.settledOn('2')
    await clients.answered(50)
    expect(await readdir(staging)).toEqual([])
    await faultRow(ORDER, {
      fault: 'kill -9 during a download',
      clients: `${nothingLost(await clients.stop())} from the next start on; what was inside the killed process ended with it`,
      logged: baton.logged('cache: downloaded'),
      recovered: 'the next start cleared the half and downloaded the version',
    })
  })

  test('is left in the middle of a swap by kill -9: the next start serves, even without a registry', async () => {
    const link = await scene.linkToRegistry()
    const BATON_CACHE_DIR = await scene.folder()
    const alias = await scene.alias(SMALL.name, '1')
    const options = {
      model: SMALL.name,
      alias,
      registryUrl: link.url,
      env: { BATON_CACHE_DIR },
      port: await freePort(),
    }
    const killed = await scene.serve(options)
    await mkdir(BATON_CACHE_DIR, { recursive: true })
    await scene.registry.setAlias(SMALL.name, alias, '2')
    await eventually('the swap to be near', async () => killed.logged('version loading'))
    await ended(killed)
    await link.cut()
    const baton = await scene.serve(options)
    const clients = scene.clients(baton)
    await clients.answered(20)
    const logged = baton.logged('has not answered since the start')
    await link.mend()
    await clients.settledOn('2')
    await faultRow(ORDER, {
      fault: 'kill -9 during a swap, and the registry down at the next start',
      clients: `${nothingLost(await clients.stop())} from the next start on; what was inside the killed process ended with it`,
      logged,
      recovered: 'the next start served the version that served last, and then the new one',
    })
  })
})
