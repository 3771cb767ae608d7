import { Agent, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { availableCores } from '../../src/engines/cpu-quota.ts'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

/** Two models for each core share its worker: whichever it is that the last one shares with, it is flooded. */
const MODELS = Array.from({ length: 2 * availableCores() }, (_, i) => `model-${i}`)
const OTHER = MODELS.at(-1) ?? ''
const FLOODED = MODELS.slice(0, -1)
const FLOOD = 120

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry(Object.fromEntries(MODELS.map((model) => [model, ['slow']])))
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    BATON_PLACEMENT: 'shared',
    BATON_WORKERS: '1',
    BATON_BATCH_MAX_ROWS: '1',
  })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
})

/** The model counts: 2 us a number. */
const counting = (count: number) => JSON.stringify({ inputs: { count: [count] } })

async function ask(model: string, body: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    request(`${running.url}/models/${model}/invocations`, { method: 'POST', headers, agent })
      .on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode))
      })
      .on('error', reject)
      .end(body)
  })
}

/** Sends a model many requests at once; what it gives counts the answers. */
function flood(model: string, body: string, count: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 })
  const state = { answered: 0 }
  const one = async () => {
    expect(await ask(model, body, agent)).toBe(200)
    state.answered += 1
  }
  const done = Promise.all(Array.from({ length: count }, one)).finally(() => agent.destroy())
  return { state, done }
}

describe('models on one worker', () => {
  it('take turns: whatever waits for one, a request to the other waits for one run of it', async () => {
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain(`\nbaton_workers ${availableCores()}\n`)
    const body = counting(5_000)
    const floods = FLOODED.map((model) => flood(model, body, FLOOD))
    const agent = new Agent({ keepAlive: true })
    const between: number[] = []
    for (let i = 0; i < 20; i++) {
      const before = floods.map(({ state }) => state.answered)
      expect(await ask(OTHER, body, agent)).toBe(200)
      between.push(Math.max(...floods.map(({ state }, n) => state.answered - (before[n] ?? 0))))
    }
    for (const { state } of floods) expect(state.answered).toBeLessThan(FLOOD)
    // One that runs as it comes, one behind it; answers that were on their way are counted, too.
    expect(between.toSorted((a, b) => a - b)[10]).toBeLessThanOrEqual(4)
    agent.destroy()
    await Promise.all(floods.map(({ done }) => done))
  })

  it('take turns where one of them is sent large bodies, which workers read', async () => {
    const floods = FLOODED.map((model) => flood(model, counting(20_000).padEnd(2 ** 20), 20))
    const agent = new Agent({ keepAlive: true })
    for (let i = 0; i < 5; i++) expect(await ask(OTHER, counting(1), agent)).toBe(200)
    for (const { state } of floods) expect(state.answered).toBeLessThan(20)
    agent.destroy()
    await Promise.all(floods.map(({ done }) => done))
  })
})
