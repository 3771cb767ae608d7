import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, RunningServer, type TestRegistry } from './running-server.ts'

let registry: TestRegistry
let running: RunningServer

beforeEach(async () => {
  registry = await createRegistry({
    churn: ['affine-1', 'affine-2', 'sequence-output'],
    slow: ['slow'],
  })
})

afterEach(async () => {
  await running.server.stop()
  await registry.remove()
})

const start = (env: Readonly<Record<string, string>> = {}, ready = true) =>
  RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root, ...env }, { ready })

const waitFor = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 10 })

describe('when the alias moves', () => {
  it('every request is answered, each by the version it names, through six hand-overs', async () => {
    running = await start({ MODEL_NAME: 'churn' })
    let stopped = false
    const answers = { total: 0, wrong: 0 }
    const client = async () => {
      while (!stopped) {
        const response = await running.post('/invocations', AFFINE_BODY)
        const version = Number(response.headers.get('x-model-version'))
        const body = (await response.json()) as { predictions?: { y: number[][] } }
        answers.total += 1
        // y = x @ W + version, with x @ W = [1.55, 2.2]
        const y = body.predictions?.y[0]?.[0] ?? Number.NaN
        if (response.status !== 200 || !(Math.abs(y - 1.55 - version) < 1e-4)) answers.wrong += 1
      }
    }
    const clients = Array.from({ length: 8 }, client)
    for (let move = 0; move < 6; move += 1) {
      const version = move % 2 === 0 ? 2 : 1
      await registry.setAliases('churn', { champion: version })
      await waitFor(async () => {
        expect(await running.answeringVersion()).toBe(String(version))
      })
    }
    stopped = true
    await Promise.all(clients)
    expect(answers.wrong).toBe(0)
    expect(answers.total).toBeGreaterThan(20)
  }, 60_000)

  it('to a version that cannot serve, the old one serves on and /models says why', async () => {
    running = await start({ MODEL_NAME: 'churn' })
    await registry.setAliases('churn', { champion: 3 })
    await waitFor(async () => {
      const { models } = await running.models()
      expect(models[0]).toMatchObject({
        ready: true,
        refs: [{ serving: '1', desired: '3' }],
        versions: [
          { version: '1', state: 'ready' },
          {
            version: '3',
            state: 'failed',
            failure: { code: 'MODEL_UNSUPPORTED', message: expect.stringContaining('zipmap') },
          },
        ],
      })
    })
    expect((await fetch(`${running.url}/readyz`)).status).toBe(200)
    expect(await running.answeringVersion()).toBe('1')
    await registry.setAliases('churn', { champion: 2 })
    await waitFor(async () => {
      expect(await running.answeringVersion()).toBe('2')
    })
  })

  it('into nothing, or its file is broken, the old version serves on', async () => {
    running = await start({ MODEL_NAME: 'churn' })
    await writeFile(join(registry.root, 'churn', 'aliases.yaml'), 'champion: [')
    await rm(join(registry.root, 'churn', '2'), { recursive: true })
    await registry.setAliases('churn', { champion: 2 })
    await waitFor(async () => {
      const { models } = await running.models()
      expect(models[0]).toMatchObject({ refs: [{ serving: '1', error: expect.anything() }] })
    })
    expect(await running.answeringVersion()).toBe('1')
    expect((await fetch(`${running.url}/readyz`)).status).toBe(200)
  })
})

describe('a model that does not serve yet', () => {
  it('keeps /readyz and /health at 503 with the reason, and is 503 itself', async () => {
    running = await start({ MODEL_NAME: 'churn', MODEL_ALIAS: 'nope' }, false)
    await waitFor(async () => {
      const response = await fetch(`${running.url}/readyz`)
      expect(response.status).toBe(503)
      expect(await response.text()).toContain('has no alias \\"nope\\"')
    })
    expect((await fetch(`${running.url}/health`)).status).toBe(503)
    expect((await fetch(`${running.url}/livez`)).status).toBe(200)
    const refused = await running.post('/invocations', AFFINE_BODY)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).not.toBeNull()
    await registry.setAliases('churn', { champion: 1, nope: 2 })
    await running.becomesReady()
    expect(await running.answeringVersion()).toBe('2')
  })
})

describe('without a model named', () => {
  it('every model of the folder is served, the first by name at /invocations', async () => {
    running = await start()
    expect(await running.answeringVersion()).toBe('1')
    const response = await running.post('/models/slow/invocations', { inputs: { count: [3] } })
    expect(await response.text()).toBe('{"predictions": {"done": [3]}}')
  })
})

describe('stopping', () => {
  it('finishes what was accepted, and closes its connection', async () => {
    running = await start({ MODEL_NAME: 'slow' })
    const inFlight = running.post('/invocations', { inputs: { count: [300_000] } })
    await waitFor(async () => {
      const text = await (await fetch(`${running.url}/metrics`)).text()
      expect(text).toContain('baton_requests_in_flight{model="slow",version="1"} 1')
    })
    const stopped = running.server.stop()
    const response = await inFlight
    expect(response.headers.get('connection')).toBe('close')
    expect(await response.text()).toBe('{"predictions": {"done": [300000]}}')
    expect(await stopped).toBe(true)
    await expect(fetch(`${running.url}/livez`)).rejects.toThrow()
  })

  it('is not ready first, and serves on through the shutdown delay', async () => {
    running = await start({ MODEL_NAME: 'churn', BATON_SHUTDOWN_DELAY: '600ms' })
    const stopped = running.server.stop()
    expect((await fetch(`${running.url}/readyz`)).status).toBe(503)
    expect(await running.answeringVersion()).toBe('1')
    expect(await stopped).toBe(true)
  })
})

describe('a port that is taken', () => {
  it('is named, with the setting', async () => {
    running = await start({ MODEL_NAME: 'churn' })
    const port = new URL(running.url).port
    await expect(start({ BATON_PORT: port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('BATON_PORT'),
    })
  })
})
