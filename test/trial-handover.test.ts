import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { trialPid, trialPids } from './engines/trial/support/processes.ts'
import { AFFINE_BODY, createRegistry, RunningServer, type TestRegistry } from './running-server.ts'

const TIMEOUT = { timeout: 60_000 }
const PATIENCE = { timeout: 40_000, interval: 5 }

let registry: TestRegistry
let running: RunningServer

beforeEach(async () => {
  registry = await createRegistry({ churn: ['affine-1', 'affine-2', 'slow'] })
})

afterEach(async () => {
  await running.server.stop()
  expect(trialPids()).toEqual([])
  await registry.remove()
})

const start = (env: Readonly<Record<string, string>> = {}, yaml?: string) =>
  RunningServer.start(
    { MLFLOW_REGISTRY_URI: registry.root, MODEL_NAME: 'churn', ...env },
    yaml === undefined ? {} : { yaml },
  )

/** Version 2 with an input example that keeps it busy for an hour. */
async function hangingVersion(): Promise<void> {
  const folder = join(registry.root, 'churn', '2')
  await cp(join(registry.root, 'churn', '3'), folder, { recursive: true })
  await writeFile(join(folder, 'serving_input_example.json'), '{"inputs": {"count": [3600000000]}}')
}

/** Version 2 as `/models` shows it, once it has failed. */
async function failedVersion(): Promise<Record<string, unknown>> {
  return vi.waitFor(async () => {
    const { models } = await running.models()
    const versions = models[0]?.versions as Record<string, unknown>[]
    const failed = versions.find(({ version, state }) => version === '2' && state === 'failed')
    if (failed === undefined) throw new Error('not failed yet')
    return failed
  }, PATIENCE)
}

/** Asks all the while; resolves to the statuses and versions of the answers. */
async function answersDuring(action: () => Promise<unknown>): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  let stopped = false
  const client = async () => {
    while (!stopped) {
      const response = await running.post('/invocations', AFFINE_BODY)
      await response.arrayBuffer()
      seen.add(`${response.status} by ${response.headers.get('x-model-version')}`)
    }
  }
  const clients = [client(), client()]
  await action().finally(() => {
    stopped = true
  })
  await Promise.all(clients)
  return seen
}

describe('a version that is to replace another', () => {
  it('passes its trial, and tells what it took', TIMEOUT, async () => {
    running = await start()
    const seen = await answersDuring(async () => {
      await registry.setAliases('churn', { champion: 2 })
      await vi.waitFor(async () => expect(await running.answeringVersion()).toBe('2'), PATIENCE)
    })
    expect([...seen].sort()).toEqual(['200 by 1', '200 by 2'])
    const { models } = await running.models()
    const versions = models[0]?.versions as Record<string, unknown>[]
    expect(versions.find(({ version }) => version === '2')).toMatchObject({
      trial: { load_ms: expect.any(Number), memory_bytes: expect.any(Number) },
      memory: { measured: true },
    })
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('baton_trials_total{model="churn",result="passed"} 1')
    expect(metrics).toMatch(
      /baton_version_memory_bytes\{model="churn",version="2",measured="true"\} \d/,
    )
  })

  it('crashes on trial: the old one answers every request', TIMEOUT, async () => {
    await hangingVersion()
    running = await start()
    const seen = await answersDuring(async () => {
      await registry.setAliases('churn', { champion: 2 })
      process.kill(await vi.waitFor(() => trialPid(), PATIENCE), 'SIGSEGV')
      expect(await failedVersion()).toMatchObject({
        failure: { code: 'TRIAL_FAILED', message: expect.stringContaining('SIGSEGV') },
      })
    })
    expect([...seen]).toEqual(['200 by 1'])
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('result="TRIAL_FAILED"')
    expect(metrics).not.toContain('baton_workers_lost_total{')
  })

  it('hangs on trial: it is ended at the limit', TIMEOUT, async () => {
    await hangingVersion()
    running = await start({ BATON_TRIAL_TIMEOUT: '5s' })
    const seen = await answersDuring(async () => {
      await registry.setAliases('churn', { champion: 2 })
      expect(await failedVersion()).toMatchObject({
        failure: {
          code: 'TRIAL_FAILED',
          message: expect.stringContaining('did not answer within 5000 ms'),
        },
      })
    })
    expect([...seen]).toEqual(['200 by 1'])
  })

  it('takes more memory than it may: it is ended with the numbers', TIMEOUT, async () => {
    running = await start({ BATON_TRIAL_MEMORY: '20MiB' })
    const seen = await answersDuring(async () => {
      await registry.setAliases('churn', { champion: 2 })
      expect(await failedVersion()).toMatchObject({
        failure: {
          code: 'TRIAL_FAILED',
          message: expect.stringContaining('more than the 20 MiB that it may take'),
        },
      })
    })
    expect([...seen]).toEqual(['200 by 1'])
  })

  it('is on trial when the server stops: both end at once', TIMEOUT, async () => {
    await hangingVersion()
    running = await start()
    await registry.setAliases('churn', { champion: 2 })
    await vi.waitFor(() => trialPid(), PATIENCE)
    expect(await running.server.stop()).toBe(true)
    expect(trialPids()).toEqual([])
  })
})

describe('the setting trial', () => {
  it('off loads on the workers at once', TIMEOUT, async () => {
    running = await start({ BATON_TRIAL: 'off' })
    await registry.setAliases('churn', { champion: 2 })
    await vi.waitFor(async () => expect(await running.answeringVersion()).toBe('2'), PATIENCE)
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).not.toContain('baton_trials_total{')
  })

  it('may be another one for a model of the configuration file', TIMEOUT, async () => {
    running = await start(
      { BATON_TRIAL: 'always' },
      'models: [{ uri: "models:/churn@champion", trial: "off" }]',
    )
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).not.toContain('baton_trials_total{')
  })

  it('always tries the first version out, too', TIMEOUT, async () => {
    running = await start({ BATON_TRIAL: 'always' })
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('baton_trials_total{model="churn",result="passed"} 1')
  })
})
