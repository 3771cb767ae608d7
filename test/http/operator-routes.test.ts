import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

let registry: TestRegistry
let folder: string
let running: RunningServer

beforeEach(async () => {
  // Version 3 has two inputs, version 4 takes exactly two rows, version 5 cannot be loaded.
  registry = await createRegistry({
    churn: ['affine-1', 'affine-2', 'two-inputs', 'fixed-batch', 'sequence-output'],
  })
  folder = await mkdtemp(join(tmpdir(), 'baton-operator-'))
})

afterEach(async () => {
  await running.server.stop()
  await registry.remove()
  await rm(folder, { recursive: true })
})

const environment = () => ({
  MLFLOW_REGISTRY_URI: registry.root,
  MODEL_NAME: 'churn',
  BATON_STATE_FILE: join(folder, 'state.json'),
  // What a trial refuses is refused by the workers as well, and sooner.
  BATON_TRIAL: 'off',
  BATON_PROBATION: '0',
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<void> {
  running = await RunningServer.start({ ...environment(), ...env })
}

async function act(action: string, body: object | string = {}) {
  const response = await running.post(`/models/churn/${action}`, body)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const model = async () => (await (await fetch(`${running.url}/models/churn`)).json()) as object
const metrics = async () => (await fetch(`${running.url}/metrics`)).text()
const waitFor = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 10 })
const becomes = (expected: object) =>
  waitFor(async () => {
    expect(await model()).toMatchObject(expected)
  })

/** Moves champion to a version whose contract breaks that of version 1, and waits for its refusal. */
async function refuseVersion3(): Promise<void> {
  await registry.setAliases('churn', { champion: 3 })
  await becomes({
    refs: [{ serving: '1', desired: '3' }],
    versions: [
      { version: '1', state: 'ready' },
      { version: '3', failure: { code: 'CONTRACT_BREAKING', stage: 'warming' } },
    ],
  })
}

describe('a version whose contract breaks clients', () => {
  it('is refused with every difference and the way to allow it, and is not tried again', async () => {
    await start()
    await refuseVersion3()
    const { versions } = (await model()) as { versions: { failure?: Record<string, unknown> }[] }
    const failure = versions[1]?.failure
    expect(failure?.message).toMatch(/^Version 3 would break clients of version 1: input "/)
    expect(failure?.message).toContain('baton allow churn --version 3')
    expect(failure).toMatchObject({ attempts: 1 })
    expect(failure).not.toHaveProperty('next_try_at')
    expect(await running.answeringVersion()).toBe('1')
  })

  it('serves once it is allowed, and may come back after a roll-back', async () => {
    await start()
    await refuseVersion3()
    expect(await act('allow')).toEqual({ status: 200, body: { model: 'churn', allowed: ['3'] } })
    await becomes({
      refs: [{ serving: '3' }],
      versions: expect.arrayContaining([
        expect.objectContaining({
          version: '3',
          state: 'ready',
          contract: expect.objectContaining({
            change: 'breaking',
            accepted: 'allowed by a person',
          }),
        }),
      ]),
    })
    // Version 1 would break the clients of version 3, but it has served: a roll-back is no new version.
    await registry.setAliases('churn', { champion: 1 })
    await becomes({ refs: [{ serving: '1' }] })
    await registry.setAliases('churn', { champion: 3 })
    await becomes({ refs: [{ serving: '3' }] })
  })

  it('is forgotten when the alias moves on, and refused again when it comes back', async () => {
    await start()
    await refuseVersion3()
    await registry.setAliases('churn', { champion: 2 })
    await becomes({ refs: [{ serving: '2' }] })
    await registry.setAliases('churn', { champion: 3 })
    await becomes({ versions: [{}, { failure: { code: 'CONTRACT_BREAKING', attempts: 1 } }] })
  })

  it('is refused as well where another reference serves it already', async () => {
    await registry.setAliases('churn', { champion: 1, challenger: 3 })
    await start({
      MODEL_NAME: '',
      MODEL_URI: 'models:/churn@champion models:/churn@challenger',
    })
    await registry.setAliases('churn', { champion: 3, challenger: 3 })
    await becomes({
      refs: [
        { serving: '1', desired: '3', error: { code: 'CONTRACT_BREAKING', held: true } },
        { serving: '3' },
      ],
    })
    expect(await act('allow')).toMatchObject({ body: { allowed: ['3'] } })
    await becomes({ refs: [{ serving: '3' }, { serving: '3' }] })
    await registry.setAliases('churn', { champion: 1, challenger: 3 })
    await becomes({ refs: [{ serving: '1' }, { serving: '3' }] })
  })

  it('is accepted where the settings say so', async () => {
    await start({ BATON_ACCEPT_CONTRACT: 'breaking' })
    await registry.setAliases('churn', { champion: 3 })
    await becomes({ refs: [{ serving: '3' }] })
  })

  it('is compared to the letter where the settings say so', async () => {
    await start({ BATON_ACCEPT_CONTRACT: 'identical' })
    await registry.setAliases('churn', { champion: 2 })
    await becomes({
      refs: [{ serving: '2' }],
      versions: expect.arrayContaining([
        expect.objectContaining({ contract: { change: 'identical', differences: [] } }),
      ]),
    })
  })

  it('that nobody refused cannot be allowed', async () => {
    await start()
    expect(await act('allow?version=2')).toMatchObject({
      status: 404,
      body: { error_code: 'VERSION_NOT_FOUND', message: expect.stringContaining('Version 2') },
    })
  })
})

describe('POST /models/{name}/clear', () => {
  it('tries what failed again at once', async () => {
    await start()
    await registry.setAliases('churn', { champion: 5 })
    await becomes({ versions: [{}, { failure: { code: 'MODEL_UNSUPPORTED' } }] })
    expect(await act('clear', { version: 5 })).toMatchObject({ status: 200, body: { cleared: 1 } })
    // Counted from one again.
    await becomes({ versions: [{}, { failure: { attempts: 1 } }] })
    expect(await act('clear', { version: '1' })).toMatchObject({ body: { cleared: 0 } })
  })
})

describe('a pinned version', () => {
  it('is what serves now where none is named; the alias is watched, and followed after unpin', async () => {
    await start()
    expect(await act('pin', { by: 'alice' })).toEqual({
      status: 200,
      body: { model: 'churn', ref: 'champion', pinned: '1', kept: true },
    })
    await registry.setAliases('churn', { champion: 2 })
    await becomes({
      refs: [
        {
          ref: 'champion',
          serving: '1',
          desired: '1',
          pinned: { version: '1', by: 'alice', registry_version: '2', since: expect.any(String) },
        },
      ],
    })
    expect(await metrics()).toContain(
      'baton_pinned_info{model="churn",ref="champion",version="1"} 1',
    )
    expect(await act('unpin')).toEqual({
      status: 200,
      body: { model: 'churn', unpinned: ['champion'], kept: true },
    })
    await becomes({ refs: [{ serving: '2' }] })
    expect(await metrics()).not.toContain('baton_pinned_info{')
    expect(await model()).toMatchObject({
      events: expect.arrayContaining([
        expect.objectContaining({ kind: 'pin', text: expect.stringMatching(/^pinned: .*alice/) }),
        expect.objectContaining({ kind: 'pin', text: expect.stringMatching(/^unpinned: /) }),
      ]),
    })
  })

  it('that is not loaded is loaded first, through every gate', async () => {
    await start()
    expect(await act('pin', { version: '2' })).toMatchObject({ body: { pinned: '2' } })
    await becomes({ refs: [{ serving: '2', pinned: { version: '2', registry_version: '1' } }] })
    await act('pin', { version: '3' })
    await becomes({
      refs: [{ serving: '2', desired: '3' }],
      versions: [{}, { failure: { code: 'CONTRACT_BREAKING' } }],
    })
    await act('allow', { version: '3' })
    await becomes({ refs: [{ serving: '3' }] })
  })

  it('survives a restart, also while the registry says something else', async () => {
    await start()
    await act('pin', { version: '2', by: 'bob' })
    await becomes({ refs: [{ serving: '2' }] })
    await running.server.stop()
    await start()
    await becomes({ refs: [{ serving: '2', pinned: { by: 'bob', registry_version: '1' } }] })
    await act('unpin')
    await becomes({ refs: [{ serving: '1' }] })
    await running.server.stop()
    await start()
    expect(await running.answeringVersion()).toBe('1')
    expect(JSON.parse(await readFile(join(folder, 'state.json'), 'utf8'))).toEqual({
      format: 1,
      pins: [],
    })
  })

  it('is lost with a file that cannot be understood, and nothing else is', async () => {
    await writeFile(join(folder, 'state.json'), '{"format": 1, "pins": [')
    await start()
    expect(await running.answeringVersion()).toBe('1')
    expect(await act('pin')).toMatchObject({ body: { kept: true } })
  })

  it('holds until the end where it cannot be kept, and the answer says so', async () => {
    await start({ BATON_STATE_FILE: '' })
    expect(await act('pin')).toMatchObject({ status: 200, body: { kept: false } })
    await registry.setAliases('churn', { champion: 2 })
    await becomes({ refs: [{ serving: '1', pinned: { registry_version: '2' } }] })
  })

  it('that the registry does not have is refused', async () => {
    await start()
    expect(await act('pin', { version: '9' })).toMatchObject({
      status: 404,
      body: { error_code: 'VERSION_NOT_FOUND' },
    })
    expect(await model()).not.toHaveProperty('refs.0.pinned')
  })

  it('needs a reference to be named where there are several', async () => {
    const { MODEL_NAME: _, ...env } = environment()
    await registry.setAliases('churn', { champion: 1, next: 2 })
    running = await RunningServer.start({
      ...env,
      MODEL_URI: 'models:/churn@champion models:/churn@next',
    })
    expect(await act('pin')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('champion, next') },
    })
    expect(await act('pin', { ref: 'next', version: '1' })).toMatchObject({ status: 200 })
    await becomes({ refs: [{ serving: '1' }, { serving: '1', pinned: { version: '1' } }] })
    expect(await act('pin', { ref: 'nope' })).toMatchObject({ status: 404 })
    expect(await act('unpin')).toMatchObject({ body: { unpinned: ['next'] } })
  })
})

describe('what an operator asks wrongly', () => {
  it('is 400 and says why, or 404 for a model that is not served', async () => {
    await start()
    const wrong = [
      ['pin', '[]', 'JSON object'],
      ['pin', '{', 'JSON object'],
      ['clear', '{"versoin": "3"}', 'versoin'],
      ['pin', '{"by": 3}', '"by"'],
    ] as const
    for (const [action, body, why] of wrong) {
      expect(await act(action, body)).toMatchObject({
        status: 400,
        body: { error_code: 'INVALID_REQUEST', message: expect.stringContaining(why) },
      })
    }
    for (const action of ['clear', 'allow', 'pin', 'unpin']) {
      expect((await running.post(`/models/nope/${action}`, '')).status).toBe(404)
    }
  })

  it('without the token is 401', async () => {
    await start({ BATON_ADMIN_TOKEN: 's3cret' })
    for (const action of ['clear', 'allow', 'pin', 'unpin']) {
      expect((await act(action, '')).status).toBe(401)
    }
  })
})
