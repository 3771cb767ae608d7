import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'
import { head, RawClient } from './raw-client.ts'

const PATH = '/models/slow/invocations'
/** The model counts: 2 us a number. */
const counting = (count: number) => JSON.stringify({ inputs: { count: [count] } })

let registry: TestRegistry

beforeAll(async () => {
  registry = await createRegistry({ slow: ['slow'], churn: ['affine-1'] })
})

afterAll(() => registry.remove())

describe('x-request-timeout-ms', () => {
  let running: RunningServer

  beforeAll(async () => {
    running = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      BATON_WORKERS: '1',
      MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT: '1s',
    })
  })

  afterAll(() => running.server.stop())

  it.each(['soon', '0', '-5', '1.5', '1e3', '', '1, 2'])('that says "%s" is 400', async (given) => {
    const headers = { 'x-request-timeout-ms': given }
    const response = await running.post('/models/churn/invocations', AFFINE_BODY, headers)
    expect(response.status).toBe(400)
    const { message } = (await response.json()) as { message: string }
    expect(message).toBe(
      `x-request-timeout-ms: expected a whole number of milliseconds from 1 up, received "${given}"`,
    )
  })

  it('ends a request with 504 where it is shorter than --timeout', async () => {
    const headers = { 'x-request-timeout-ms': '50' }
    const response = await running.post(PATH, counting(200_000), headers)
    expect([response.status, await response.text()]).toEqual([
      504,
      'Request processing time exceeded limit',
    ])
  })

  it('cannot make it longer than --timeout', async () => {
    const headers = { 'x-request-timeout-ms': '60000' }
    expect((await running.post(PATH, counting(1_000_000), headers)).status).toBe(504)
  })

  it('counts from the head on: a body that comes slowly is 504, and closes the connection', async () => {
    const client = new RawClient(running.url)
    await client.write(head(PATH, { 'content-length': 100, 'x-request-timeout-ms': 50 }))
    const { status, headers } = await client.answer
    expect([status, headers.connection]).toEqual([504, 'close'])
  })

  it('ends a request that a worker is reading and running', async () => {
    const body = counting(400_000).padEnd(600_000)
    const response = await running.post(PATH, body, { 'x-request-timeout-ms': '100' })
    expect(response.status).toBe(504)
  })
})

describe('a queue of two rows behind a long run', () => {
  let running: RunningServer
  let longRun: Promise<Response>
  let longRunEnded = false

  beforeEach(async () => {
    running = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      MODEL_URI: 'models:/slow@champion models:/churn@champion',
      BATON_WORKERS: '1',
      BATON_BATCH_MAX_ROWS: '1',
      BATON_QUEUE_MAX_ROWS: '2',
      BATON_OVERLOAD_STATUS: '503',
    })
    longRunEnded = false
    longRun = running.post(PATH, counting(1_500_000))
    void longRun.then(() => {
      longRunEnded = true
    })
    await vi.waitFor(async () => expect(await gauge('baton_requests_in_flight')).toBe(1))
  })

  afterEach(async () => {
    expect((await longRun).status).toBe(200)
    await running.server.stop()
  })

  const gauge = async (name: string): Promise<number> => {
    const text = await (await fetch(`${running.url}/metrics`)).text()
    return Number(new RegExp(`^${name}\\{model="slow",version="1"\\} (\\d+)$`, 'm').exec(text)?.[1])
  }

  /** Requests that wait, whose clients may go. */
  async function waiting(count: number, pad = 0): Promise<RawClient[]> {
    const body = counting(1).padEnd(pad)
    const clients = Array.from({ length: count }, () => new RawClient(running.url))
    for (const client of clients) {
      void client.write(head(PATH, { 'content-length': body.length }) + body)
    }
    await vi.waitFor(async () => expect(await gauge('baton_queue_rows')).toBe(count))
    return clients
  }

  it.each([
    ['small', 0],
    ['for a worker to read', 600_000],
  ])(
    'refuses a third with the status that is set, and has room once a client has gone: %s',
    async (_, pad) => {
      const [first, second] = await waiting(2, pad)
      const refused = await running.post(PATH, counting(1))
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(await refused.text()).toContain("The model's queue is full: 2 rows")
      first?.vanish()
      await vi.waitFor(async () => expect(await gauge('baton_queue_rows')).toBe(1))
      const third = running.post(PATH, counting(1))
      await vi.waitFor(async () => expect(await gauge('baton_queue_rows')).toBe(2))
      expect(longRunEnded).toBe(false)
      expect((await third).status).toBe(200)
      expect((await second?.answer)?.status).toBe(200)
    },
  )

  it('gives the places of a whole pipeline back when its client goes', async () => {
    const body = counting(1)
    const client = new RawClient(running.url)
    await client.write(`${head(PATH, { 'content-length': body.length })}${body}`.repeat(2))
    await vi.waitFor(async () => expect(await gauge('baton_queue_rows')).toBe(2))
    client.vanish()
    await vi.waitFor(async () => expect(await gauge('baton_queue_rows')).toBe(0))
    await vi.waitFor(async () => expect(await gauge('baton_requests_in_flight')).toBe(1))
    expect(longRunEnded).toBe(false)
  })

  it('answers a deadline that ends there, and does not run what it dropped', async () => {
    const response = await running.post(PATH, counting(1), { 'x-request-timeout-ms': '50' })
    expect(response.status).toBe(504)
    expect(await gauge('baton_queue_rows')).toBe(0)
    expect(longRunEnded).toBe(false)
  })

  it('does not hold up another model', async () => {
    await waiting(2)
    for (let i = 0; i < 20; i++) {
      expect(await running.answeringVersion('/models/churn/invocations')).toBe('1')
    }
    expect(longRunEnded).toBe(false)
  })
})
