import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'
import { conversation, head, statusesOf } from './raw-client.ts'

const PATH = '/models/churn/invocations'
const BODY = JSON.stringify(AFFINE_BODY)
const WHOLE = head(PATH, { 'content-length': BODY.length }) + BODY
const LAST = head(PATH, { 'content-length': BODY.length, connection: 'close' }) + BODY

let registry: TestRegistry
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({ churn: ['affine-1'], columns: ['identity-columns'] })
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    BATON_MAX_BODY_BYTES: '1MiB',
    BATON_MAX_ROWS: '100',
    BATON_MAX_HEADER_BYTES: '8KiB',
    BATON_HEADERS_TIMEOUT: '1s',
    BATON_IDLE_TIMEOUT: '200ms',
  })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
})

const rejected = async (reason: string): Promise<number> => {
  const text = await (await fetch(`${running.url}/metrics`)).text()
  const line = new RegExp(`^baton_rejected_requests_total\\{reason="${reason}"\\} (\\d+)$`, 'm')
  return Number(line.exec(text)?.[1] ?? 0)
}

/** What a limit answers: its status, and the setting in its message. It is counted, and others are served on. */
async function refusal(reason: string, send: () => Promise<string>) {
  const before = await rejected(reason)
  const text = await send()
  expect(await rejected(reason)).toBe(before + 1)
  expect(await running.answeringVersion()).toBe('1')
  const [first = '', body = ''] = text.split('\r\n\r\n')
  return { statuses: statusesOf(text), head: first.toLowerCase(), body: JSON.parse(body) }
}

describe('the rows of a request', () => {
  const rows = (count: number) => JSON.stringify({ inputs: new Array(count).fill([0, 1, 2, 3]) })
  const csv = (count: number) => `a,b,c\n${'1.5,2.5,3.5\n'.repeat(count)}`

  it('may be as many as --max-rows says', async () => {
    expect((await running.post(PATH, rows(100))).status).toBe(200)
  })

  it.each([
    ['numbers', rows(101)],
    ['what takes the general path', rows(101).replace('}', ', "params": {}}')],
    ['what a worker reads', rows(101).padEnd(600_000)],
    ['CSV', csv(101), '/models/columns/invocations', 'text/csv'],
  ])('beyond it are 413: %s', async (_, body, path = PATH, type = 'application/json') => {
    const response = await running.post(path, body, { 'content-type': type })
    expect(response.status).toBe(413)
    expect(await response.text()).toContain(
      'Expected at most 100 rows, received 101; the limit is --max-rows (BATON_MAX_ROWS)',
    )
  })
})

describe('a head that is too large', () => {
  it('for its headers is 431', async () => {
    const answer = await refusal('head_too_large', () =>
      conversation(running.url, head(PATH, { filler: 'x'.repeat(9_000) })),
    )
    expect(answer.statuses).toEqual([431])
    expect(answer.head).toContain('connection: close')
    expect(answer.body.message).toContain('--max-header-bytes (BATON_MAX_HEADER_BYTES)')
  })

  it('for its URL is 414', async () => {
    const answer = await refusal('url_too_long', () =>
      conversation(running.url, `GET /${'x'.repeat(9_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
    )
    expect(answer.statuses).toEqual([414])
    expect(answer.body.message).toContain('Expected a URL of less than 8192 bytes')
  })
})

describe('a client that is too slow', () => {
  it('with its head is 408 after --headers-timeout', async () => {
    const answer = await refusal('head_timeout', () =>
      conversation(running.url, 'POST /invocations HTTP/1.1\r\nhost: x\r\n'),
    )
    expect(answer.statuses).toEqual([408])
    expect(answer.body).toMatchObject({
      error_code: 'BAD_REQUEST',
      message: expect.stringContaining('within 1000 ms; the limit is --headers-timeout'),
    })
  })

  it('with its next request finds its connection closed after --idle-timeout', async () => {
    expect(statusesOf(await conversation(running.url, WHOLE))).toEqual([200])
  })
})

describe('what is no HTTP', () => {
  it('is 400 and says so', async () => {
    const answer = await refusal('invalid_request', () =>
      conversation(running.url, 'hello\r\n\r\n'),
    )
    expect(answer.statuses).toEqual([400])
    expect(answer.body.message).toContain('Expected a request of HTTP/1.1')
  })

  it('waits in a pipeline for the answers before it', async () => {
    const text = await conversation(running.url, WHOLE + WHOLE, 'hello\r\n\r\n')
    expect(statusesOf(text)).toEqual([200, 200, 400])
  })

  it('is 400 in a body, once, in place of the answer', async () => {
    const chunked = head(PATH, { 'transfer-encoding': 'chunked' })
    const text = await conversation(running.url, `${chunked}xyz\r\n`)
    expect(statusesOf(text)).toEqual([400])
  })
})

describe('a pipeline', () => {
  it('is answered in its order', async () => {
    const unknown = head('/models/nope/invocations', { 'content-length': 2 })
    const text = await conversation(running.url, `${WHOLE}${unknown}{}${WHOLE}${LAST}`)
    expect(statusesOf(text)).toEqual([200, 404, 200, 200])
  })
})

describe('Expect: 100-continue', () => {
  const expecting = (length: number, more = {}) =>
    head(PATH, { 'content-length': length, expect: '100-continue', ...more })

  it('is told to go on where the body is wanted, and the connection is kept', async () => {
    const client = new RawConversation(running.url)
    client.send(expecting(BODY.length))
    await client.receives('HTTP/1.1 100 Continue\r\n\r\n')
    client.send(BODY)
    await client.receives('{"predictions"')
    expect(client.text.toLowerCase()).not.toContain('connection: close')
    client.send(LAST)
    await client.closes()
    expect(statusesOf(client.text)).toEqual([100, 200, 200])
  })

  it.each([
    ['a body that is too large', expecting(2 ** 21), 413],
    [
      'a model that there is not',
      head('/models/nope/invocations', { 'content-length': 5, expect: '100-continue' }),
      404,
    ],
    ['a media type that is not read', expecting(5, { 'content-type': 'text/html' }), 415],
    ['another expectation', head(PATH, { 'content-length': 5, expect: 'miracles' }), 417],
  ])('is refused before the body: %s', async (_, text, status) => {
    expect(statusesOf(await conversation(running.url, text))).toEqual([status])
  })
})

describe('methods', () => {
  it.each(['HEAD', 'OPTIONS', 'GET'])('%s of a model is 405', async (method) => {
    const response = await fetch(`${running.url}${PATH}`, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })
})

describe('a connection beyond --max-connections', () => {
  it('is answered 503 and closed, until one of the others has gone', async () => {
    const few = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      BATON_MAX_CONNECTIONS: '3',
    })
    const { hostname, port } = new URL(few.url)
    const connected: Socket[] = []
    await vi.waitFor(async () => {
      connected.push(connect(Number(port), hostname).on('error', () => {}))
      const text = await conversation(few.url, LAST)
      expect(statusesOf(text)).toEqual([503])
      expect(text).toContain('--max-connections (BATON_MAX_CONNECTIONS)')
      expect(text.toLowerCase()).toContain('retry-after: 1')
    })
    for (const socket of connected) socket.destroy()
    await vi.waitFor(async () => {
      expect(statusesOf(await conversation(few.url, LAST))).toEqual([200])
    })
    await few.server.stop()
  })
})

describe('a client that does not read its answer', () => {
  let impatient: RunningServer

  beforeAll(async () => {
    impatient = await RunningServer.start({
      MLFLOW_REGISTRY_URI: registry.root,
      BATON_WRITE_TIMEOUT: '300ms',
    })
  })

  afterAll(() => impatient.server.stop())

  const metrics = async () => (await fetch(`${impatient.url}/metrics`)).text()

  it('is let go after --write-timeout, and others are answered meanwhile', async () => {
    const rows = JSON.stringify({ inputs: new Array(400_000).fill([0.5, 1.5, 2.5, 3.5]) })
    const { hostname, port } = new URL(impatient.url)
    const socket = connect(Number(port), hostname).on('error', () => {})
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.pause()
    socket.write(head(PATH, { 'content-length': rows.length }) + rows)
    await vi.waitFor(
      async () =>
        expect(await metrics()).toContain('rejected_requests_total{reason="write_timeout"} 1'),
      { timeout: 20_000 },
    )
    expect(await impatient.answeringVersion()).toBe('1')
    expect(await metrics()).toContain('baton_requests_in_flight{model="churn",version="1"} 0')
    // What had been sent before is read now, up to the end of the connection.
    socket.resume()
    await closed
  })

  it('and goes on asking is not heard: its answers would pile up', async () => {
    const rows = JSON.stringify({ inputs: new Array(1_000).fill([0.5, 1.5, 2.5, 3.5]) })
    const answered = async () =>
      Number(/baton_requests_total\{.*status="200"\} (\d+)/.exec(await metrics())?.[1])
    const before = await answered()
    const { hostname, port } = new URL(impatient.url)
    const socket = connect(Number(port), hostname).on('error', () => {})
    socket.pause()
    const asked = 2_000
    socket.write(`${head(PATH, { 'content-length': rows.length })}${rows}`.repeat(asked))
    await vi.waitFor(
      async () =>
        expect(await metrics()).toContain('rejected_requests_total{reason="write_timeout"} 2'),
      { timeout: 20_000 },
    )
    // Answers of 30 kB: what the sockets between them hold, and no more.
    expect((await answered()) - before).toBeLessThan(asked / 4)
    socket.destroy()
  })
})

/** A connection of several turns. */
class RawConversation {
  readonly #socket: Socket
  text = ''

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#socket = connect(Number(port), hostname)
    this.#socket.setEncoding('latin1').on('data', (part: string) => {
      this.text += part
    })
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  async receives(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.text).toContain(text))
  }

  closes(): Promise<void> {
    return new Promise((resolve) => this.#socket.on('close', () => resolve()))
  }
}
