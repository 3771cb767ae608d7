import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({
    churn: ['affine-1', 'affine-2'],
    slow: ['slow'],
  })
  await registry.setAliases('churn', { champion: 1, challenger: 2 })
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    MODEL_URI:
      'models:/churn@champion models:/churn@challenger models:/churn/2 models:/slow@champion',
    MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT: '1',
    BATON_MAX_BODY_BYTES: '64KiB',
    BATON_SERVER_TIMING: 'true',
  })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
})

describe('which version answers', () => {
  it.each([
    ['/invocations', '1'],
    ['/models/churn/invocations', '1'],
    ['/models/churn@champion/invocations', '1'],
    ['/models/churn@challenger/invocations', '2'],
    ['/models/churn/versions/2/invocations', '2'],
  ])('POST %s is answered by version %s', async (path, version) => {
    const response = await running.post(path, AFFINE_BODY)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-model-name')).toBe('churn')
    expect(response.headers.get('x-model-version')).toBe(version)
    const { predictions } = (await response.json()) as { predictions: { y: number[][] } }
    // y = x @ W + version, with x @ W = [1.55, 2.2]
    expect(predictions.y[0]?.[0]).toBeCloseTo(1.55 + Number(version), 5)
  })

  it.each([
    ['/models/nope/invocations', 'churn, slow'],
    ['/models/churn@nope/invocations', 'champion, challenger'],
    ['/models/churn/versions/9/invocations', '9'],
  ])('POST %s is 404 and says what there is', async (path, text) => {
    const response = await running.post(path, AFFINE_BODY)
    expect(response.status).toBe(404)
    const body = (await response.json()) as Record<string, string>
    expect(body.error_code).toBe('RESOURCE_DOES_NOT_EXIST')
    expect(body.message).toContain(text)
  })
})

describe('an answer', () => {
  it('carries the request id that the client sent', async () => {
    const response = await running.post('/invocations', AFFINE_BODY, { 'x-request-id': 'abc-1' })
    expect(response.headers.get('x-request-id')).toBe('abc-1')
  })

  it('carries the milliseconds of each phase where that is asked for', async () => {
    const response = await running.post('/invocations', AFFINE_BODY)
    expect(response.headers.get('server-timing')).toMatch(
      /^parse;dur=[\d.]+, queue;dur=[\d.]+, run;dur=[\d.]+, encode;dur=[\d.]+$/,
    )
  })
})

describe('a refusal', () => {
  it('of a Content-Type is 415 in plain text', async () => {
    const response = await running.post('/invocations', '{}', { 'content-type': 'text/html' })
    expect(response.status).toBe(415)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toContain("Got 'text/html'")
  })

  it('of a body that is no JSON names the place, and no stack or path', async () => {
    const response = await running.post('/invocations', '{"inputs": [1,')
    expect(response.status).toBe(400)
    const text = await response.text()
    expect(text).toContain('"error_code": "BAD_REQUEST"')
    expect(text).not.toMatch(/node:|\.ts|\.js|\/src\//)
  })

  it('of a large body is 413, names the setting, and leaves the connection to others', async () => {
    const response = await running.post('/invocations', 'x'.repeat(70_000))
    expect(response.status).toBe(413)
    expect(await response.text()).toContain('BATON_MAX_BODY_BYTES')
    expect(await running.answeringVersion()).toBe('1')
  })

  it('at the time limit is 504 in the words of MLflow', async () => {
    const body = { inputs: { count: [4_000_000] } }
    const response = await running.post('/models/slow/invocations', body)
    expect(response.status).toBe(504)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('Request processing time exceeded limit')
  })
})

describe('the request metrics', () => {
  it('count answers by model, version and status', async () => {
    await running.post('/invocations', 'no JSON')
    const text = await (await fetch(`${running.url}/metrics`)).text()
    const count = (status: number) =>
      Number(
        new RegExp(
          `^baton_requests_total\\{model="churn",version="1",protocol="mlflow",status="${status}"\\} (\\d+)$`,
          'm',
        ).exec(text)?.[1],
      )
    expect(count(200)).toBeGreaterThan(0)
    expect(count(400)).toBeGreaterThan(0)
    expect(text).toMatch(/baton_request_phase_duration_seconds_count\{.*phase="run".*\} [1-9]/)
  })
})

describe('a body that breaks off', () => {
  it('is counted as refused, and harms nobody else', async () => {
    const { hostname, port } = new URL(running.url)
    const socket = connect(Number(port), hostname)
    const head = 'POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    socket.write(`${head}Content-Length: 100\r\n\r\n{"inputs"`)
    const counted = async () => {
      const text = await (await fetch(`${running.url}/metrics`)).text()
      return /baton_requests_total\{[^}]*status="400"[^}]*\} (\d+)/.exec(text)?.[1] ?? '0'
    }
    const before = Number(await counted())
    socket.destroy()
    await vi.waitFor(async () => expect(Number(await counted())).toBe(before + 1), {
      timeout: 15_000,
    })
    expect(await running.answeringVersion()).toBe('1')
  })
})

describe('a body that is too large to be read in the event loop', () => {
  const rows = Array.from({ length: 10_000 }, (_, row) => [row, 0.25, 0.5, 1])
  let large: RunningServer

  beforeAll(async () => {
    large = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      MODEL_URI: 'models:/churn@champion',
      BATON_SERVER_TIMING: 'true',
    })
  })

  afterAll(() => large.server.stop())

  const padded = (body: object) => JSON.stringify(body).padEnd(600_000)

  it.each([
    ['any of 600 kB', padded({ inputs: rows })],
    ['one of 190 kB that takes more than one pass', JSON.stringify({ inputs: rows, params: {} })],
  ])('is answered as it would be there: %s', async (_, body) => {
    const [small, unread] = await Promise.all(
      [JSON.stringify({ inputs: rows }), body].map(async (sent) => {
        const response = await large.post('/invocations', sent)
        return { status: response.status, text: await response.text() }
      }),
    )
    expect(unread?.status).toBe(200)
    expect(unread?.text.length).toBeGreaterThan(150_000)
    expect(unread).toEqual(small)
  })

  it('is refused in the same words', async () => {
    const [small, unread] = await Promise.all(
      [JSON.stringify({ inputs: [[1]] }), padded({ inputs: [[1]] })].map(async (body) => {
        const response = await large.post('/invocations', body)
        return { status: response.status, text: await response.text() }
      }),
    )
    expect(unread?.status).toBe(400)
    expect(unread).toEqual(small)
  })
})
