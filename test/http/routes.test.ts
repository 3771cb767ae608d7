import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERSION } from '../../src/version.ts'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({ churn: ['affine-1', 'affine-2'] })
  running = await RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
})

const get = (path: string, init?: RequestInit) =>
  fetch(`${running.url}${path}`, { redirect: 'manual', ...init })

describe('GET /ping and /health', () => {
  it.each(['/ping', '/health'])('%s answers a single newline as MLflow does', async (path) => {
    const response = await get(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('\n')
  })

  it('answer HEAD too, which load balancers ask', async () => {
    expect((await get('/ping', { method: 'HEAD' })).status).toBe(200)
  })
})

describe('the other operations routes', () => {
  it('GET /version is the bare version', async () => {
    expect(await (await get('/version')).text()).toBe(VERSION)
  })

  it('GET /livez and /readyz answer JSON', async () => {
    expect(await (await get('/livez')).json()).toEqual({ live: true })
    expect(await (await get('/readyz')).json()).toEqual({ ready: true })
  })

  it('GET /models says what serves and where the registry stands', async () => {
    const { models } = await running.models()
    expect(models).toMatchObject([
      {
        name: 'churn',
        ready: true,
        refs: [{ ref: 'champion', serving: '1', desired: '1' }],
        versions: [{ version: '1', state: 'ready', engine: 'onnxruntime' }],
        registry: { location: registry.root },
      },
    ])
    expect(models[0]).not.toHaveProperty('events')
  })

  it('GET /models/{name} adds the events of its versions', async () => {
    const model = (await (await get('/models/churn')).json()) as { events: { kind: string }[] }
    expect(model.events.length).toBeGreaterThan(3)
  })

  it('GET /models/{name} of an unknown model is 404 and names those there are', async () => {
    const response = await get('/models/nope')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      error_code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('churn'),
    })
  })

  it('GET /metrics is Prometheus text that names the version an alias serves', async () => {
    const response = await get('/metrics')
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    expect(text).toContain('baton_serving_info{model="churn",ref="champion",version="1"} 1')
    expect(text).toContain('baton_registry_up{model="churn"} 1')
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
  })

  it('POST /models/{name}/refresh asks the registry now', async () => {
    const response = await get('/models/churn/refresh', { method: 'POST' })
    expect(response.status).toBe(202)
    expect((await get('/models/nope/refresh', { method: 'POST' })).status).toBe(404)
  })

  it('POST /webhooks/mlflow is off without a secret', async () => {
    const response = await running.post('/webhooks/mlflow', {})
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('BATON_WEBHOOK_SECRET')
  })
})

describe('what is not there', () => {
  it('is 404 in FastAPI words', async () => {
    const response = await get('/nothing')
    expect([response.status, await response.text()]).toEqual([404, '{"detail":"Not Found"}'])
  })

  it.each([
    ['GET', '/invocations', 'POST'],
    ['PUT', '/ping', 'GET'],
    ['OPTIONS', '/version', 'GET'],
    ['DELETE', '/models/churn/versions/1/invocations', 'POST'],
  ])('%s %s is 405 with Allow: %s', async (method, path, allow) => {
    const response = await get(path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe(allow)
    expect(await response.text()).toBe('{"detail":"Method Not Allowed"}')
  })

  it('with a slash too many is redirected as FastAPI does', async () => {
    const response = await get('/ping/?x=1')
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(`${running.url}/ping?x=1`)
  })
})

describe('the admin routes with a token', () => {
  it('answer to those who bear it', async () => {
    const guarded = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      BATON_ADMIN_TOKEN: 's3cret',
    })
    const refresh = (authorization: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization }
        const url = `${guarded.url}/models/churn/refresh`
        request(url, { method: 'POST', headers }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    expect(await refresh('Bearer s3cret')).toBe(202)
    expect(await refresh('Bearer guess')).toBe(401)
    expect(await refresh('')).toBe(401)
    await guarded.server.stop()
  })
})
