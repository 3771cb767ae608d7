import { readdirSync, readFileSync, statSync } from 'node:fs'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ColdStart } from '../../src/assembly/cold-start.ts'
import { openModelSource } from '../../src/assembly/model-source.ts'
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { createLogger } from '../../src/log.ts'
import type { TestServer } from '../mlflow/test-server.ts'
import { FakeMlflow } from '../registry/fake-mlflow.ts'
import { AFFINE_BODY, RunningServer } from '../running-server.ts'

const FIXTURES = fileURLToPath(new URL('../fixtures/models', import.meta.url))
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'

let mlflow: FakeMlflow
let server: TestServer
let cache: string
let running: RunningServer | undefined

beforeEach(async () => {
  mlflow = new FakeMlflow()
  serveFixtures(mlflow)
  mlflow.addVersion('churn', '1', 'mlflow-artifacts:/affine-1')
  mlflow.addVersion('churn', '2', 'mlflow-artifacts:/affine-2')
  mlflow.setAlias('churn', 'champion', '1')
  server = await mlflow.start()
  cache = await mkdtemp(join(tmpdir(), 'baton-cold-start-'))
})

afterEach(async () => {
  await running?.server.stop()
  await server.stop()
  await rm(cache, { recursive: true, force: true })
})

const environment = () => ({
  MLFLOW_TRACKING_URI: server.url,
  MODEL_NAME: 'churn',
  MODEL_ALIAS: 'champion',
  BATON_CACHE_DIR: cache,
})

async function start(ready = true): Promise<RunningServer> {
  running = await RunningServer.start(environment(), { ready })
  return running
}

async function stop(): Promise<void> {
  await running?.server.stop()
  running = undefined
}

const registryIsDown = () => {
  mlflow.override = (c) => c.text('', 503)
}
const get = async (path: string) => (await fetch(`${running?.url}${path}`)).json()
const waitFor = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 20 })

describe('a start while the registry gives no answer', () => {
  it('serves the version that served the alias last, from the cache, and says so', async () => {
    await start()
    mlflow.setAlias('churn', 'champion', '2')
    await waitFor(async () => expect(await running?.answeringVersion()).toBe('2'))
    await stop()
    registryIsDown()
    await start()
    expect(await running?.answeringVersion()).toBe('2')
    const served = { ref: 'champion', version: '2', served_since: expect.any(String) }
    expect(await get('/readyz')).toEqual({
      ready: true,
      reason: 'served from the cache: the registry has not answered since the start',
      from_cache: [{ model: 'churn', ...served }],
    })
    expect(await get('/models/churn')).toMatchObject({
      refs: [{ serving: '2', error: { code: 'REGISTRY_UNAVAILABLE' } }],
      registry: { from_cache: [served] },
    })
    const metrics = await (await fetch(`${running?.url}/metrics`)).text()
    expect(metrics).toContain('baton_served_from_cache{model="churn",ref="champion",version="2"} 1')
    expect(await (await fetch(`${running?.url}/ping`)).text()).toBe('\n')
  })

  it('follows what the registry says as soon as it answers', async () => {
    await start()
    await stop()
    registryIsDown()
    await start()
    mlflow.setAlias('churn', 'champion', '2')
    mlflow.override = undefined
    await waitFor(async () => expect(await running?.answeringVersion()).toBe('2'))
    expect(await get('/readyz')).toEqual({ ready: true })
    const metrics = await (await fetch(`${running?.url}/metrics`)).text()
    expect(metrics).not.toContain('baton_served_from_cache{')
  })

  it('goes on with the same version, not loaded again, where the alias did not move', async () => {
    await start()
    await stop()
    registryIsDown()
    await start()
    mlflow.override = undefined
    await waitFor(async () => expect(await get('/readyz')).toEqual({ ready: true }))
    const { events } = (await get('/models/churn')) as { events: { text: string }[] }
    expect(events.filter(({ text }) => text.startsWith('swapped'))).toHaveLength(1)
  })

  it('waits where nothing was served before', async () => {
    registryIsDown()
    await start(false)
    await waitFor(async () =>
      expect(await get('/readyz')).toMatchObject({
        ready: false,
        waiting: [{ error_code: 'REGISTRY_UNAVAILABLE' }],
      }),
    )
    expect((await running?.post('/invocations', AFFINE_BODY))?.status).toBe(503)
  })
})

describe('what a start without the registry finds', () => {
  const recall = async () => {
    const config = readConfig({ flags: {}, env: environment(), file: undefined })
    const { opened, cache: artifacts, lastServed } = openModelSource(config, { clock: systemClock })
    const coldStart = new ColdStart({
      registry: opened.registry.location,
      cache: artifacts,
      records: lastServed,
      log: createLogger('silent'),
    })
    const found = await coldStart.recall('churn', ['champion', 'challenger'])
    return [...found].map(([ref, { version }]) => [ref, version.version])
  }

  beforeEach(async () => {
    await start()
    await stop()
  })

  it('is the version of each reference that was served', async () => {
    expect(await recall()).toEqual([['champion', '1']])
  })

  it('is nothing where a byte of the version is not the one that was downloaded', async () => {
    const [entry = ''] = (await readdir(cache)).filter((name) => name.startsWith('churn'))
    const file = join(cache, entry, 'files', 'model.onnx')
    const bytes = await readFile(file)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await writeFile(file, bytes)
    expect(await recall()).toEqual([])
  })

  it('is nothing where the version was evicted', async () => {
    for (const name of await readdir(cache)) {
      if (name.startsWith('churn')) await rm(join(cache, name), { recursive: true })
    }
    expect(await recall()).toEqual([])
  })

  it('is nothing where the record cannot be read', async () => {
    const records = join(cache, '.last-served')
    for (const name of await readdir(records)) await appendFile(join(records, name), 'x')
    expect(await recall()).toEqual([])
  })
})

describe('a start while the registry answers', () => {
  it('never serves from the cache what the registry says means nothing', async () => {
    await start()
    await stop()
    mlflow.deleteModel('churn')
    await start(false)
    const isUnknown = async () =>
      expect(await get('/readyz')).toMatchObject({ waiting: [{ error_code: 'MODEL_NOT_FOUND' }] })
    await waitFor(isUnknown)
    // Nor when it stops answering after that.
    registryIsDown()
    await waitFor(async () =>
      expect(await get('/readyz')).toMatchObject({
        waiting: [{ error_code: 'REGISTRY_UNAVAILABLE' }],
      }),
    )
  })

  it('nor what it denies to this login', async () => {
    await start()
    await stop()
    mlflow.override = (c) => c.text('', 403)
    await start(false)
    await waitFor(async () =>
      expect(await get('/readyz')).toMatchObject({ waiting: [{ error_code: 'REGISTRY_DENIED' }] }),
    )
  })
})

/** Lists and reads the fixture models as the artifact proxy of an MLflow server does. */
function serveFixtures({ app }: FakeMlflow): void {
  app.get(ARTIFACTS, (c) => {
    const folder = join(FIXTURES, c.req.query('path') ?? '')
    const files = readdirSync(folder).map((path) => {
      const facts = statSync(join(folder, path))
      return { path, is_dir: facts.isDirectory(), file_size: facts.size }
    })
    return c.json({ files })
  })
  app.get(`${ARTIFACTS}/*`, (c) =>
    c.body(readFileSync(join(FIXTURES, c.req.path.slice(ARTIFACTS.length)))),
  )
}
