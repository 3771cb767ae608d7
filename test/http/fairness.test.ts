import { Agent, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

const FLOOD = 300

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({ flooded: ['slow'], other: ['slow'] })
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    MODEL_URI: 'models:/flooded@champion models:/other@champion',
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

/** Sends all at once to one model; what it gives counts the answers. */
function flood(bodies: readonly string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 })
  const state = { answered: 0 }
  const done = Promise.all(
    bodies.map(async (body) => {
      expect(await ask('flooded', body, agent)).toBe(200)
      state.answered += 1
    }),
  ).finally(() => agent.destroy())
  return { state, done }
}

describe('two models on one worker', () => {
  it('take turns: whatever waits for the one, a request to the other waits for one run of it', async () => {
    const { state, done } = flood(new Array(FLOOD).fill(counting(5_000)))
    const agent = new Agent({ keepAlive: true })
    const between: number[] = []
    for (let i = 0; i < 20; i++) {
      const before = state.answered
      expect(await ask('other', counting(5_000), agent)).toBe(200)
      between.push(state.answered - before)
    }
    expect(state.answered).toBeLessThan(FLOOD)
    // One that runs as it comes, one behind it; answers that were on their way are counted, too.
    expect(between.toSorted((a, b) => a - b)[10]).toBeLessThanOrEqual(4)
    agent.destroy()
    await done
  })

  it('take turns where one of them is sent large bodies, which workers read', async () => {
    const large = counting(20_000).padEnd(2 ** 20)
    const { state, done } = flood(new Array(30).fill(large))
    const agent = new Agent({ keepAlive: true })
    for (let i = 0; i < 5; i++) expect(await ask('other', counting(1), agent)).toBe(200)
    expect(state.answered).toBeLessThan(30)
    agent.destroy()
    await done
  })
})
