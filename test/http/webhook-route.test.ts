import { createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

const SECRET = 'a shared secret'

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({ churn: ['affine-1', 'affine-2'] })
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    MODEL_NAME: 'churn',
    BATON_WEBHOOK_SECRET: SECRET,
    BATON_POLL_INTERVAL: '1h',
  })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
})

/** A delivery as MLflow makes it (mlflow/webhooks/delivery.py). */
function deliver({
  secret = SECRET,
  id = randomUUID(),
  ageSeconds = 0,
  model = 'churn',
  tamper = '',
} = {}) {
  const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds)
  const body = JSON.stringify({
    entity: 'model_version_alias',
    action: 'created',
    timestamp: new Date().toISOString(),
    data: { name: model, alias: 'champion', version: '2' },
  })
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`)
  return running.post('/webhooks/mlflow', body + tamper, {
    'x-mlflow-delivery-id': id,
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': `v1,${signature.digest('base64')}`,
  })
}

/** Times the registry has answered for the model; by itself it is asked once an hour. */
async function polls(): Promise<number> {
  const text = await (await fetch(`${running.url}/metrics`)).text()
  return Number(/^baton_registry_polls_total\{model="churn",result="ok"\} (\d+)$/m.exec(text)?.[1])
}

const result = async (response: Response) => [response.status, await response.json()]

describe('POST /webhooks/mlflow', () => {
  it('with the right signature is a hint to ask the registry now', async () => {
    const before = await polls()
    expect(await result(await deliver())).toEqual([202, { result: 'accepted' }])
    await vi.waitFor(async () => expect(await polls()).toBe(before + 1), {
      timeout: 15_000,
      interval: 20,
    })
  })

  it('for a model that is not served asks for nothing', async () => {
    const before = await polls()
    expect(await result(await deliver({ model: 'other' }))).toEqual([202, { result: 'accepted' }])
    expect(await polls()).toBe(before)
  })

  it('repeated by MLflow counts once', async () => {
    const id = randomUUID()
    await deliver({ id })
    expect(await result(await deliver({ id }))).toEqual([202, { result: 'duplicate' }])
  })

  it.each([
    ['another secret', { secret: 'guess' }],
    ['a changed body', { tamper: ' ' }],
    ['an old timestamp', { ageSeconds: 301 }],
  ])('with %s is 401', async (_what, delivery) => {
    const response = await deliver(delivery)
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error_code: 'UNAUTHENTICATED' })
  })

  it('without a signature is 401', async () => {
    expect((await running.post('/webhooks/mlflow', '{}')).status).toBe(401)
  })

  it('is counted by result', async () => {
    const text = await (await fetch(`${running.url}/metrics`)).text()
    expect(text).toMatch(/^baton_registry_webhooks_total\{result="accepted"\} [1-9]/m)
    expect(text).toMatch(/^baton_registry_webhooks_total\{result="refused"\} 4$/m)
  })
})
