import { createServer } from 'node:http'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import type { MlflowConnection } from '../../src/mlflow/connection.ts'
import { REGISTRY_FAILURES } from '../../src/mlflow/failures.ts'
import { MlflowHttp } from '../../src/mlflow/http.ts'
import { pemPath, TestServer } from './test-server.ts'

const HOST_CHECK = 'Invalid Host header - possible DNS rebinding attack detected'
const cleanups: (() => Promise<unknown>)[] = []
const { signal } = new AbortController()

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(app: Hono): Promise<string> {
  const server = await TestServer.start(app)
  cleanups.push(() => server.stop())
  return server.url
}

async function startTls(app: Hono, clients = false): Promise<string> {
  const server = await TestServer.startTls(app, clients)
  cleanups.push(() => server.stop())
  return server.url
}

function http(connection: MlflowConnection): MlflowHttp {
  const client = new MlflowHttp(connection, REGISTRY_FAILURES)
  cleanups.push(() => client.close())
  return client
}

/** Address on which nothing listens any more. */
async function closedAddress(): Promise<string> {
  const server = await TestServer.start(new Hono())
  await server.stop()
  return server.url
}

describe('a request', () => {
  it('goes below the path prefix, with login, workspace, name and query', async () => {
    const app = new Hono().get('/team/mlflow/api/x', (c) =>
      c.json({ query: c.req.query(), headers: c.req.header() }),
    )
    const uri = `${await start(app)}/team/mlflow/`
    const client = http({ uri, token: 'abc', workspace: 'fraud', userAgent: 'baton/1' })
    const reply = await client.json('/api/x', { query: { name: 'a b&c/ü@d' }, signal })
    expect(reply).toMatchObject({
      ok: true,
      body: {
        query: { name: 'a b&c/ü@d' },
        headers: {
          authorization: 'Bearer abc',
          'x-mlflow-workspace': 'fraud',
          'user-agent': 'baton/1',
        },
      },
    })
    expect(client.location).toBe(uri.slice(0, -1))
  })

  it('sends a body as JSON', async () => {
    const app = new Hono().delete('/x', async (c) =>
      c.json({ type: c.req.header('content-type'), body: await c.req.json() }),
    )
    const client = http({ uri: await start(app) })
    const reply = await client.json('/x', { method: 'DELETE', body: { alias: 'a' }, signal })
    expect(reply).toMatchObject({ body: { type: 'application/json', body: { alias: 'a' } } })
  })

  it('gives a 4xx that MLflow explains as a reply', async () => {
    const error = { error_code: 'INVALID_PARAMETER_VALUE', message: 'alias X not found' }
    const client = http({ uri: await start(new Hono().get('/x', (c) => c.json(error, 400))) })
    expect(await client.json('/x', { signal })).toEqual({
      ok: false,
      status: 400,
      errorCode: 'INVALID_PARAMETER_VALUE',
      message: 'alias X not found',
    })
  })

  it.each([
    ['Flask', '<h1>Not Found</h1>', 'text/html'],
    ['FastAPI', '{"detail":"Not Found"}', 'application/json'],
  ])('gives an unknown route of %s as ENDPOINT_NOT_FOUND', async (_what, body, type) => {
    const app = new Hono().get('/x', (c) => c.body(body, 404, { 'content-type': type }))
    const reply = await http({ uri: await start(app) }).json('/x', { signal })
    expect(reply).toMatchObject({ ok: false, errorCode: 'ENDPOINT_NOT_FOUND' })
  })

  it('leaves the body to the caller as it comes', async () => {
    const app = new Hono().get('/file', (c) => {
      expect(c.req.header('range')).toBe('bytes=2-')
      return c.body('cdef', 206)
    })
    const headers = { range: 'bytes=2-' }
    const response = await http({ uri: await start(app) }).stream('/file', { headers, signal })
    expect([response.status, await response.text()]).toEqual([206, 'cdef'])
  })
})

describe('a redirect', () => {
  it('is followed on the same origin, login included', async () => {
    const app = new Hono()
      .get('/old', (c) => c.redirect('/new'))
      .get('/new', (c) => c.json({ login: c.req.header('authorization') }))
    const reply = await http({ uri: await start(app), token: 'abc' }).json('/old', { signal })
    expect(reply).toMatchObject({ body: { login: 'Bearer abc' } })
  })

  it.each([301, 302, 303, 307, 308] as const)(
    '%d to another origin is not followed: nothing reaches it',
    async (status) => {
      const seen: string[] = []
      const elsewhere = await start(
        new Hono().all('*', (c) => {
          seen.push(c.req.path)
          return c.json({})
        }),
      )
      const app = new Hono().get('/x', (c) => c.redirect(`${elsewhere}/login?token=1`, status))
      const client = http({ uri: await start(app), username: 'ada', password: 'secret' })
      const failure = client.json('/x', { signal })
      await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
      await expect(failure).rejects.toThrow(`redirects to ${elsewhere}/login`)
      await expect(failure).rejects.not.toThrow(/secret|token=1/)
      expect(seen).toEqual([])
    },
  )

  it('does not turn a change into another request', async () => {
    const app = new Hono().post('/x', (c) => c.redirect('/y', 302)).all('/y', (c) => c.json({}))
    const client = http({ uri: await start(app) })
    const failure = client.json('/x', { method: 'POST', body: {}, signal })
    await expect(failure).rejects.toThrow(/redirects to/)
  })

  it('in a circle ends', async () => {
    const app = new Hono().get('/x', (c) => c.redirect('/x'))
    await expect(http({ uri: await start(app) }).json('/x', { signal })).rejects.toThrow(
      /over and over/,
    )
  })
})

describe('a failure says what to check', () => {
  const answers: [string, (app: Hono) => Hono, string, RegExp][] = [
    ['401', (a) => a.get('/x', (c) => c.text('no', 401)), 'REGISTRY_DENIED', /USERNAME.*TOKEN/],
    [
      '403',
      (a) => a.get('/x', (c) => c.text('Permission denied', 403)),
      'REGISTRY_DENIED',
      /permission.*USERNAME/,
    ],
    [
      'Host check',
      (a) => a.get('/x', (c) => c.text(HOST_CHECK, 403)),
      'REGISTRY_DENIED',
      /--allowed-hosts.*MLFLOW_SERVER_ALLOWED_HOSTS/,
    ],
    [
      'workspaces off',
      (a) => a.get('/x', (c) => c.json({ error_code: 'FEATURE_DISABLED', message: '' }, 500)),
      'REGISTRY_DENIED',
      /MLFLOW_WORKSPACE/,
    ],
    [
      '500 HTML',
      (a) => a.get('/x', (c) => c.html('<h1>500</h1>', 500)),
      'REGISTRY_UNAVAILABLE',
      /answered 500.*log/,
    ],
    [
      '503 text',
      (a) => a.get('/x', (c) => c.text('', 503)),
      'REGISTRY_UNAVAILABLE',
      /answered 503/,
    ],
    ['429', (a) => a.get('/x', (c) => c.text('', 429)), 'REGISTRY_UNAVAILABLE', /answered 429/],
    [
      '200 HTML',
      (a) => a.get('/x', (c) => c.html('<html>Log in</html>')),
      'REGISTRY_UNAVAILABLE',
      /Expected JSON.*200 with text\/html.*path prefix/,
    ],
    [
      'half JSON',
      (a) =>
        a.get('/x', (c) =>
          c.body('{"registered_model": {"na', 200, { 'content-type': 'application/json' }),
        ),
      'REGISTRY_UNAVAILABLE',
      /200 with application\/json that is no JSON object/,
    ],
    [
      'a JSON list',
      (a) => a.get('/x', (c) => c.json([])),
      'REGISTRY_UNAVAILABLE',
      /no JSON object/,
    ],
    [
      '400 of a proxy',
      (a) => a.get('/x', (c) => c.json({ error: 'bad' }, 400)),
      'REGISTRY_UNAVAILABLE',
      /JSON of another kind/,
    ],
  ]
  it.each(answers)('%s', async (_what, routes, code, message) => {
    const client = http({ uri: await start(routes(new Hono())), token: 'hidden-token' })
    const failure = client.json('/x', { signal })
    await expect(failure).rejects.toMatchObject({ code })
    await expect(failure).rejects.toThrow(message)
    await expect(failure).rejects.not.toThrow(/hidden-token/)
  })

  it('nothing listens', async () => {
    const uri = (await closedAddress()).replace('//', '//ada:secret@')
    const failure = http({ uri }).json('/x', { signal })
    await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    await expect(failure).rejects.toThrow(/refused the connection.*MLFLOW_TRACKING_URI/)
    await expect(failure).rejects.not.toThrow(/secret/)
  })

  it('the name does not resolve', async () => {
    const failure = http({ uri: 'http://no-such-host.invalid' }).json('/x', { signal })
    await expect(failure).rejects.toThrow(/host name does not resolve/)
  })

  it('no answer in time', async () => {
    const app = new Hono().get('/x', () => new Promise<Response>(() => {}))
    const failure = http({ uri: await start(app), timeoutMs: 50 }).json('/x', { signal })
    await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    await expect(failure).rejects.toThrow(/within 50 ms/)
  })

  it('an answer that does not end in time', async () => {
    const app = new Hono().get('/x', (c) =>
      c.body(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode('{')) })),
    )
    const failure = http({ uri: await start(app), timeoutMs: 50 }).json('/x', { signal })
    await expect(failure).rejects.toThrow(/within 50 ms/)
  })

  it('an answer too large to hold', async () => {
    const piece = new Uint8Array(1024 * 1024).fill(32)
    const app = new Hono().get('/x', (c) =>
      c.body(new ReadableStream({ pull: (body) => body.enqueue(piece) })),
    )
    const failure = http({ uri: await start(app) }).json('/x', { signal })
    await expect(failure).rejects.toThrow(/more than 33554432 bytes/)
  })

  it("the caller's own abort, unchanged", async () => {
    const app = new Hono().get('/x', () => new Promise<Response>(() => {}))
    const abort = new AbortController()
    const failure = http({ uri: await start(app) }).json('/x', { signal: abort.signal })
    const reason = new Error('stopped')
    abort.abort(reason)
    await expect(failure).rejects.toBe(reason)
  })
})

describe('a kept connection', () => {
  it('that the server closed meanwhile is replaced once', async () => {
    let requests = 0
    const server = createServer((_request, response) => {
      requests += 1
      if (requests === 2) response.socket?.destroy()
      else response.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    cleanups.push(async () => server.closeAllConnections())
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('expected a port')
    const client = http({ uri: `http://127.0.0.1:${address.port}` })
    await client.json('/x', { signal })
    expect(await client.json('/x', { signal })).toMatchObject({ ok: true })
    expect(requests).toBe(3)
  })
})

describe('TLS', () => {
  const app = new Hono().get('/x', (c) => c.json({ login: c.req.header('authorization') }))

  it('refuses a certificate of an unknown authority, and names the variable', async () => {
    const failure = http({ uri: await startTls(app) }).json('/x', { signal })
    await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    await expect(failure).rejects.toThrow(/MLFLOW_TRACKING_SERVER_CERT_PATH/)
  })

  it('accepts it with the CA bundle', async () => {
    const client = http({ uri: await startTls(app), caBundle: pemPath('ca'), token: 'abc' })
    expect(await client.json('/x', { signal })).toMatchObject({ body: { login: 'Bearer abc' } })
  })

  it('accepts any certificate where told to', async () => {
    const client = http({ uri: await startTls(app), insecureTls: true })
    expect(await client.json('/x', { signal })).toMatchObject({ ok: true })
  })

  it('shows the client certificate', async () => {
    const uri = await startTls(app, true)
    const caBundle = pemPath('ca')
    const client = http({ uri, caBundle, clientCertificate: pemPath('client') })
    expect(await client.json('/x', { signal })).toMatchObject({ ok: true })
    const stranger = http({ uri, caBundle }).json('/x', { signal })
    await expect(stranger).rejects.toThrow(/MLFLOW_TRACKING_CLIENT_CERT_PATH/)
  })

  it('is not followed to plain HTTP by a redirect', async () => {
    const plain = await start(new Hono().get('/x', (c) => c.json({})))
    const redirecting = new Hono().get('/x', (c) => c.redirect(`${plain}/x`))
    const client = http({ uri: await startTls(redirecting), caBundle: pemPath('ca') })
    await expect(client.json('/x', { signal })).rejects.toThrow(/not followed/)
  })

  it('says when the server speaks plain HTTP', async () => {
    const uri = (await start(app)).replace('http:', 'https:')
    await expect(http({ uri }).json('/x', { signal })).rejects.toThrow(/begin with http:\/\//)
  })

  it.each([
    ['is missing', '/no/such/file.pem', /file that MLFLOW_TRACKING_SERVER_CERT_PATH names cannot/],
    ['is no PEM', import.meta.filename, /Expected PEM text/],
  ])('says when the bundle %s', async (_what, caBundle, message) => {
    const failure = http({ uri: 'https://127.0.0.1:1', caBundle }).json('/x', { signal })
    await expect(failure).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(failure).rejects.toThrow(message)
  })
})
