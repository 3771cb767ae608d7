import { createHmac } from 'node:crypto'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { ServingMetrics } from '../../src/metrics.ts'
import { EventWebhook } from '../../src/observe/event-webhook.ts'
import { ManualClock } from '../manual-clock.ts'
import { TestServer } from '../mlflow/test-server.ts'
import { createRegistry, RunningServer } from '../running-server.ts'

const SECRET = 'a shared secret'

interface Delivery {
  readonly headers: Headers
  readonly body: string
}

let server: TestServer
/** What the receiver took, and every attempt. */
let taken: Delivery[]
let attempts: Delivery[]
/** Statuses that the receiver answers next; 204 when there are none left. */
let statuses: number[]
/** Resolved before the receiver answers. */
let gate: Promise<void>

beforeEach(async () => {
  taken = []
  attempts = []
  statuses = []
  gate = Promise.resolve()
  const app = new Hono()
  app.post('/hook', async (c) => {
    const delivery = { headers: c.req.raw.headers, body: await c.req.text() }
    attempts.push(delivery)
    await gate
    const status = statuses.shift() ?? 204
    if (status < 300) taken.push(delivery)
    return c.body(null, status as 204)
  })
  server = await TestServer.start(app)
})

afterEach(() => server.stop())

function webhook({ secret }: { readonly secret: string | undefined } = { secret: SECRET }) {
  const clock = new ManualClock()
  const metrics = new ServingMetrics('0')
  const log = createLogger('silent')
  const url = `${server.url}/hook`
  const made = new EventWebhook({ url, secret, userAgent: 'baton/0', clock, log, metrics })
  const counted = async (result: string) => {
    const { values } = await metrics.eventDeliveries.get()
    return values.find(({ labels }) => labels.result === result)?.value ?? 0
  }
  return { webhook: made, clock, counted }
}

const waitFor = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 10_000, interval: 5 })
const types = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ body }) => (JSON.parse(body) as { type: string }).type)
const signatureOf = ({ headers, body }: Delivery, key: string | Buffer) =>
  `v1,${createHmac('sha256', key)
    .update(`${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${body}`)
    .digest('base64')}`

describe('a delivery', () => {
  it('is JSON, signed as Standard Webhooks has it', async () => {
    const { webhook: hook, clock, counted } = webhook()
    hook.push('version.ready', { model: 'churn', version: '2' })
    await waitFor(() => expect(taken).toHaveLength(1))
    const [delivery] = taken as [Delivery]
    expect(JSON.parse(delivery.body)).toEqual({
      type: 'version.ready',
      timestamp: new Date(clock.now()).toISOString(),
      data: { model: 'churn', version: '2' },
    })
    expect(delivery.headers.get('content-type')).toBe('application/json')
    expect(delivery.headers.get('webhook-id')).toMatch(/^msg_[0-9a-f-]{36}$/)
    expect(delivery.headers.get('webhook-timestamp')).toBe(String(Math.floor(clock.now() / 1000)))
    expect(delivery.headers.get('webhook-signature')).toBe(signatureOf(delivery, SECRET))
    await waitFor(async () => expect(await counted('sent')).toBe(1))
  })

  it('takes secrets as that scheme writes them', async () => {
    const key = Buffer.from('thirty-two bytes of random noise')
    const { webhook: hook } = webhook({ secret: `whsec_${key.toString('base64')}` })
    hook.push('version.ready', {})
    await waitFor(() => expect(taken).toHaveLength(1))
    const [delivery] = taken as [Delivery]
    expect(delivery.headers.get('webhook-signature')).toBe(signatureOf(delivery, key))
  })

  it('without a secret is not signed', async () => {
    const { webhook: hook } = webhook({ secret: undefined })
    hook.push('version.ready', {})
    await waitFor(() => expect(taken).toHaveLength(1))
    expect(taken[0]?.headers.has('webhook-signature')).toBe(false)
  })
})

describe('a receiver that fails', () => {
  it('gets the same event again after a pause that doubles, then the others in order', async () => {
    statuses = [500, 429]
    const { webhook: hook, clock, counted } = webhook()
    for (const type of ['first', 'second', 'third']) hook.push(type, {})
    await waitFor(() => expect(clock.nextIn).toBe(500))
    clock.advance(500)
    await waitFor(() => expect(clock.nextIn).toBe(1000))
    clock.advance(1000)
    await waitFor(() => expect(types(taken)).toEqual(['first', 'second', 'third']))
    expect(types(attempts)).toEqual(['first', 'first', 'first', 'second', 'third'])
    const ids = attempts.slice(0, 3).map(({ headers }) => headers.get('webhook-id'))
    expect(new Set(ids).size).toBe(1)
    const [one, , three] = attempts as [Delivery, Delivery, Delivery]
    expect(three.headers.get('webhook-timestamp')).not.toBe(one.headers.get('webhook-timestamp'))
    expect(three.headers.get('webhook-signature')).toBe(signatureOf(three, SECRET))
    expect([await counted('sent'), await counted('failed')]).toEqual([3, 0])
  })

  it.each([400, 410, 302])('with %i for good is not asked again', async (status) => {
    statuses = [status]
    const { webhook: hook, counted } = webhook()
    hook.push('refused', {})
    hook.push('next', {})
    await waitFor(() => expect(types(taken)).toEqual(['next']))
    expect(types(attempts)).toEqual(['refused', 'next'])
    expect(await counted('failed')).toBe(1)
  })

  it('for an hour loses the event', async () => {
    statuses = Array.from({ length: 1000 }, () => 503)
    const { webhook: hook, clock, counted } = webhook()
    hook.push('late', {})
    while ((await counted('failed')) === 0) {
      await waitFor(async () => {
        const waits = clock.nextIn !== undefined && clock.nextIn !== 10_000
        if (!waits && (await counted('failed')) === 0) throw new Error('asked just now')
      })
      clock.advance(clock.nextIn ?? 0)
    }
    expect(clock.monotonic()).toBeGreaterThan(3_600_000)
    expect(clock.monotonic()).toBeLessThan(3_700_000)
    expect(taken).toEqual([])
  })

  it('that says nothing is left after ten seconds, and asked again', async () => {
    gate = new Promise(() => {})
    const { webhook: hook, clock } = webhook()
    hook.push('slow', {})
    await waitFor(() => expect(attempts).toHaveLength(1))
    gate = Promise.resolve()
    clock.advance(10_000)
    await waitFor(() => expect(clock.nextIn).toBe(500))
    clock.advance(500)
    await waitFor(() => expect(types(taken)).toEqual(['slow']))
  })

  it('makes the oldest of more than a thousand give way', async () => {
    let open = () => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    const { webhook: hook, counted } = webhook()
    hook.push('0', {})
    await waitFor(() => expect(attempts).toHaveLength(1))
    for (let i = 1; i <= 1002; i += 1) hook.push(String(i), {})
    open()
    await waitFor(async () => expect(await counted('sent')).toBe(1001))
    expect(await counted('dropped')).toBe(2)
    const all = types(taken)
    expect([all[0], all[1], all.at(-1)]).toEqual(['0', '3', '1002'])
  })
})

describe('the end', () => {
  it('waits for what can be delivered, without its pauses', async () => {
    statuses = [500]
    const { webhook: hook, clock, counted } = webhook()
    hook.push('first', {})
    hook.push('second', {})
    await waitFor(() => expect(clock.nextIn).toBe(500))
    await hook.close(5000)
    expect(types(taken)).toEqual(['first', 'second'])
    expect(await counted('sent')).toBe(2)
    hook.push('too late', {})
    expect(attempts).toHaveLength(3)
  })

  it('gives up on a receiver that fails once more, and counts what is left', async () => {
    statuses = [500, 500, 500]
    const { webhook: hook, clock, counted } = webhook()
    for (const type of ['first', 'second', 'third']) hook.push(type, {})
    await waitFor(() => expect(clock.nextIn).toBe(500))
    await hook.close(5000)
    expect(types(attempts)).toEqual(['first', 'first'])
    expect(await counted('failed')).toBe(3)
  })

  it('comes after its time even where nobody answers', async () => {
    gate = new Promise(() => {})
    const { webhook: hook, clock, counted } = webhook()
    hook.push('first', {})
    hook.push('second', {})
    await waitFor(() => expect(attempts).toHaveLength(1))
    const closed = hook.close(2000)
    clock.advance(2000)
    await closed
    expect(await counted('failed')).toBe(2)
  })
})

describe('a server with --events-webhook', () => {
  it('posts the life of every version, to its end', async () => {
    const registry = await createRegistry({ churn: ['affine-1', 'affine-2'] })
    const running = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      MODEL_NAME: 'churn',
      BATON_TRIAL: 'off',
      BATON_PROBATION: '0',
      BATON_EVENTS_WEBHOOK: `${server.url}/hook`,
      BATON_EVENTS_WEBHOOK_SECRET: SECRET,
    })
    await registry.setAliases('churn', { champion: 2 })
    await waitFor(async () => expect(await running.answeringVersion()).toBe('2'))
    await running.post('/models/churn/pin', { by: 'alice' })
    await running.server.stop()
    await registry.remove()
    const events = taken.map(
      ({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> },
    )
    const of = (version: string) =>
      events.filter(({ data }) => data.version === version).map(({ type }) => type)
    expect(of('1')).toEqual([
      'version.resolving',
      'version.downloading',
      'version.loading',
      'version.warming',
      'version.ready',
      'version.draining',
      'version.drained',
      'version.closed',
    ])
    expect(of('2').slice(-4)).toEqual([
      'reference.pinned',
      'version.draining',
      'version.drained',
      'version.closed',
    ])
    expect(events).toContainEqual({
      type: 'handover.swapped',
      timestamp: expect.any(String),
      data: {
        host: expect.any(String),
        model: 'churn',
        ref: 'champion',
        from: '1',
        to: '2',
        duration_ms: expect.any(Number),
        result: 'swapped',
        reason: 'moved from version 1 to 2',
      },
    })
    for (const delivery of taken) {
      expect(delivery.headers.get('webhook-signature')).toBe(signatureOf(delivery, SECRET))
    }
  })
})
