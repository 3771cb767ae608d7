import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, type TestRegistry } from '../running-server.ts'
import { head, type RawAnswer, RawClient } from './raw-client.ts'
import { ServerProcess } from './server-process.ts'
import { Witness } from './witness.ts'

const MB = 2 ** 20
const PATH = '/models/affine/invocations'
const MAX_BODY_MB = 64
const MAX_VALUES_MB = 256
/** A body is held in pieces, whole, as text, and as the values read from it and what is made of them, all until they are collected. */
const MAX_GROWTH_BYTES = (6 * MAX_BODY_MB + 2 * MAX_VALUES_MB) * MB

const NINES = Buffer.alloc(MB, '9')

let registry: TestRegistry
let server: ServerProcess

beforeAll(async () => {
  registry = await createRegistry({ affine: ['affine-1'], columns: ['identity-columns'] })
  server = await ServerProcess.start({
    MLFLOW_REGISTRY_URI: registry.root,
    BATON_MAX_BODY_BYTES: `${MAX_BODY_MB}MiB`,
    BATON_MAX_BODY_MEMORY: `${MAX_VALUES_MB}MiB`,
    BATON_HEADERS_TIMEOUT: '1s',
    BATON_BODY_TIMEOUT: '2s',
  })
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), {
    timeout: 20_000,
  })
})

afterAll(async () => {
  await server.stop()
  await registry.remove()
})

/** Sends one hostile request while others go on, and sees that neither they nor the memory suffer. */
async function suffer(send: (client: RawClient) => unknown): Promise<RawAnswer> {
  const before = await server.peakBytes()
  const witness = new Witness(server.url, PATH, AFFINE_BODY)
  const client = new RawClient(server.url)
  // Whoever is refused need not send the rest.
  await Promise.race([send(client), client.answer])
  const answer = await client.answer
  const { wrong, answers } = await witness.stop()
  expect(wrong).toEqual([])
  expect(answers).toBeGreaterThan(0)
  expect(server.running).toBe(true)
  expect((await server.peakBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES)
  return answer
}

async function sendWhole(client: RawClient, body: string, type = 'application/json') {
  const bytes = Buffer.from(body)
  const headers = { 'content-length': bytes.length, 'content-type': type }
  await client.write(head('/models/columns/invocations', headers))
  await client.write(bytes)
}

async function sendChunk(client: RawClient, piece: Buffer | string): Promise<boolean> {
  const bytes = Buffer.from(piece)
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`)
  return client.write(Buffer.concat([size, bytes, Buffer.from('\r\n')]))
}

/** The answer as MLflow's clients read it. */
function errorOf({ body }: RawAnswer): { error_code: string; message: string } {
  return JSON.parse(body)
}

describe('a number of a gigabyte', () => {
  it('is refused by its announced length, before it is sent', async () => {
    const answer = await suffer(async (client) => {
      await client.write(head(PATH, { 'content-length': 1024 * MB }))
      for (let sent = 0; sent < 1024 && (await client.write(NINES)); sent++);
    })
    expect(answer.status).toBe(413)
    expect(errorOf(answer).message).toContain('BATON_MAX_BODY_BYTES')
  })

  it('is refused at the limit when it comes in chunks', async () => {
    let sent = 0
    const answer = await suffer(async (client) => {
      await client.write(head(PATH, { 'transfer-encoding': 'chunked' }))
      await sendChunk(client, '{"inputs": [[')
      while (sent < 1024 && (await sendChunk(client, NINES))) sent++
    })
    expect(answer.status).toBe(413)
    expect(errorOf(answer).message).toContain('BATON_MAX_BODY_BYTES')
    // What the server, the sockets and the time to close may take beyond the limit.
    expect(sent).toBeLessThan(1024)
  })
})

describe('a body of the largest size', () => {
  const digits = '9'.repeat(60 * MB)

  it.each([
    ['an integer', `[${digits}]`],
    ['a decimal', `[0.${digits}]`],
    ['an exponent', `[1e${digits}]`],
    ['a text of digits', `["${digits}"]`],
  ])('with %s of 60 MB for a column is refused', async (_, row) => {
    const answer = await suffer((client) =>
      sendWhole(client, `{"dataframe_split": {"columns": ["a"], "data": [${row}]}}`),
    )
    expect(answer.status).toBe(400)
    expect(errorOf(answer).error_code).toMatch(/^(BAD_REQUEST|INVALID_PARAMETER_VALUE)$/)
  })
})

describe('a body of very many values', () => {
  it.each([
    ['objects', `{"inputs": [${'{},'.repeat(20e6)}{}]}`, 'application/json'],
    ['lists', `{"inputs": [${'[],'.repeat(20e6)}[]]}`, 'application/json'],
    ['integers', `{"inputs": [null${',1'.repeat(30e6)}]}`, 'application/json'],
    ['lines', `a,b,c\n${'1\n'.repeat(30e6)}`, 'text/csv'],
    ['short lines below a long one', `a,b,c${','.repeat(1e5)}\n${'1\n'.repeat(1e5)}`, 'text/csv'],
  ])('is refused: %s', async (_, body, type) => {
    const answer = await suffer((client) => sendWhole(client, body, type))
    expect(answer.status).toBe(413)
    expect(errorOf(answer).message).toContain('BATON_MAX_BODY_MEMORY')
  })
})

describe('a body that is small and means much', () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `"c${i}"`)
  const values = (count: number, value: string) => new Array(count).fill(value).join()

  it.each([
    ['100,000 lists', `{"inputs": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
    ['100,000 objects', `{"inputs": ${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}`],
    ['ten million brackets', '['.repeat(1e7)],
    [
      'a million columns in split',
      `{"dataframe_split": {"columns": [${names(1e6)}], "data": [[${values(1e6, '1.0')}]]}}`,
    ],
    [
      'a million columns in a record',
      `{"dataframe_records": [{${names(1e6).map((it) => `${it}: 1.0`)}}]}`,
    ],
    ['a million inputs', `{"inputs": {${names(1e6).map((it) => `${it}: [1.0]`)}}}`],
    ['a million keys in an instance', `{"instances": [{${names(1e6).map((it) => `${it}: 1.0`)}}]}`],
    [
      'a key of its own in each record',
      `{"dataframe_records": [${names(2e4).map((it) => `{${it}: 1}`)}]}`,
    ],
    [
      'one row for a long index',
      `{"dataframe_split": {"index": [${values(1e5, '1')}], "data": [[${values(1e5, '1')}]]}}`,
    ],
    ['ragged rows', `{"inputs": [${values(1e5, '[1.0], [1.0, 2.0]')}]}`],
    [
      'ragged rows in split',
      `{"dataframe_split": {"data": [${values(1e5, '[1.0], [1.0, 2.0]')}]}}`,
    ],
    ['lone surrogates', `{"dataframe_split": {"data": [[${values(1e5, '"\\ud800"')}]]}}`],
  ])('is refused: %s', async (_, body) => {
    const answer = await suffer((client) => sendWhole(client, body))
    expect([400, 413]).toContain(answer.status)
    expect(errorOf(answer).error_code).toMatch(/^(BAD_REQUEST|INVALID_PARAMETER_VALUE)$/)
  })
})

describe('a body that is not what was announced', () => {
  it('is refused when the client ends half-way', async () => {
    const answer = await suffer(async (client) => {
      await client.write(head(PATH, { 'content-length': 1000 }))
      await client.write('{"inputs": ')
      client.end()
    })
    expect([400, undefined]).toContain(answer.status)
  })

  it('is let go when the client vanishes half-way', async () => {
    const answer = await suffer(async (client) => {
      await client.write(head(PATH, { 'content-length': 1000 }))
      await client.write('{"inputs": ')
      client.vanish()
    })
    expect(answer.status).toBeUndefined()
  })

  it('is answered with 408 when less comes than was announced', async () => {
    const answer = await suffer(async (client) => {
      await client.write(head(PATH, { 'content-length': 1000 }))
      await client.write(JSON.stringify(AFFINE_BODY))
    })
    expect(answer.status).toBe(408)
    expect(answer.headers.connection).toBe('close')
    expect(errorOf(answer)).toMatchObject({
      error_code: 'BAD_REQUEST',
      message: expect.stringContaining('BATON_BODY_TIMEOUT'),
    })
  })

  it('does not become the next request when more comes than was announced', async () => {
    const answer = await suffer(async (client) => {
      const body = JSON.stringify(AFFINE_BODY)
      await client.write(head(PATH, { 'content-length': body.length - 5 }) + body)
    })
    expect(answer.status).toBe(400)
  })

  it.each([
    ['two lengths', head(PATH, { 'content-length': 5, 'Content-Length': 6 })],
    ['a length that is no number', head(PATH, { 'content-length': '0x10' })],
    ['a negative length', head(PATH, { 'content-length': -1 })],
    ['a length and chunks', head(PATH, { 'content-length': 5, 'transfer-encoding': 'chunked' })],
    ['a chunk whose size is no number', `${head(PATH, { 'transfer-encoding': 'chunked' })}xyz\r\n`],
    [
      'a chunk longer than its size',
      `${head(PATH, { 'transfer-encoding': 'chunked' })}1\r\nabc\r\n`,
    ],
    ['a head of a megabyte', head(PATH, { filler: 'x'.repeat(MB) })],
    ['no HTTP', 'hello\r\n\r\n'],
  ])('is refused: %s', async (_, text) => {
    const { status } = await suffer((client) => client.write(text))
    expect([400, 431]).toContain(status)
  })
})

describe('a slow sender', () => {
  it('that says nothing is let go', async () => {
    const { status } = await suffer(() => {})
    expect([408, undefined]).toContain(status)
  })

  it('of a head is let go after BATON_HEADERS_TIMEOUT', async () => {
    const { status } = await suffer((client) => drip(client, 'POST /invocations HTTP/1.1\r\nx: '))
    expect([408, undefined]).toContain(status)
  })

  it('of a body is answered with 408 after BATON_BODY_TIMEOUT, however it drips', async () => {
    const answer = await suffer((client) => drip(client, head(PATH, { 'content-length': 100_000 })))
    expect(answer.status).toBe(408)
    expect(errorOf(answer).message).toContain('BATON_BODY_TIMEOUT')
  })

  it('of chunks is answered with 408 too', async () => {
    const answer = await suffer((client) =>
      drip(client, head(PATH, { 'transfer-encoding': 'chunked' }), '1\r\n1\r\n'),
    )
    expect(answer.status).toBe(408)
  })
})

/** Sends the start, and then a little every 50 ms until the server has had enough. */
async function drip(client: RawClient, start: string, drop = '1'): Promise<void> {
  await client.write(start)
  const timer = setInterval(() => client.write(drop), 50)
  await client.answer
  clearInterval(timer)
}
