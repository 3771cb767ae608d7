import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProxyStore } from '../../../src/artifacts/proxy/proxy-store.ts'
import type { ArtifactFile } from '../../../src/interfaces.ts'
import { FakeProxy } from '../fake-proxy.ts'
import { MemorySink } from '../memory-sink.ts'

const never = new AbortController().signal
const options = { idleTimeoutMs: 200, retries: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 } }
const ROUTE = '/api/2.0/mlflow-artifacts/artifacts'
let server: FakeProxy
let store: ProxyStore

beforeEach(async () => {
  server = await FakeProxy.start()
  server.files.set('1/models/m-1/artifacts/MLmodel', 'flavors: {}')
  server.files.set('1/models/m-1/artifacts/code/a & b.py', 'pass')
  server.files.set('1/models/m-1/artifacts/code/deep/c.py', 'pass too')
  store = open()
})
afterEach(async () => {
  await store.close()
  await server.stop()
})

function open(uri = server.url): ProxyStore {
  return new ProxyStore({ uri, username: 'ada', password: 'hush' }, options)
}

const source = 'mlflow-artifacts:/1/models/m-1/artifacts'

async function list(uri = source): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = []
  for await (const file of store.list(uri, never)) files.push(file)
  return files
}

async function download(path: string, size: number | undefined, uri = source) {
  const sink = new MemorySink()
  await store.download(uri, { path, size, etag: undefined }, sink, never)
  return sink
}

describe('listing', () => {
  it('goes through all folders', async () => {
    expect(await list()).toEqual([
      { path: 'MLmodel', size: 11, etag: undefined },
      { path: 'code/a & b.py', size: 4, etag: undefined },
      { path: 'code/deep/c.py', size: 8, etag: undefined },
    ])
    expect(server.requests).toHaveLength(3)
  })

  it('is empty for a folder that is not there', async () => {
    expect(await list('mlflow-artifacts:/nothing')).toEqual([])
  })

  it('never asks for a folder whose name climbs out', async () => {
    server.lies = [{ path: '..', is_dir: true }]
    await expect(list()).rejects.toMatchObject({ code: 'ARTIFACT_UNSAFE' })
    expect(server.requests).toHaveLength(1)
  })

  it('ends where folders contain themselves without end', async () => {
    server.lies = [{ path: 'again', is_dir: true }]
    await expect(list()).rejects.toMatchObject({ code: 'ARTIFACT_UNSAFE' })
  })

  it('refuses an answer that is no listing', async () => {
    server.refusal = { status: 404, text: 'Not Found' }
    await expect(list()).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
      message: expect.stringContaining('path prefix'),
    })
  })
})

describe('downloading', () => {
  it('streams a file whose name needs encoding', async () => {
    expect((await download('code/a & b.py', 4)).content.toString()).toBe('pass')
  })

  it('takes a file without a listed size as it comes', async () => {
    expect((await download('MLmodel', undefined)).content.toString()).toBe('flavors: {}')
  })

  it.each([
    { kind: 'cut', afterBytes: 3 },
    { kind: 'stall', afterBytes: 3 },
    { kind: 'short' },
    { kind: 'status', status: 500, text: 'oops' },
  ] as const)('begins again after %j', async (fault) => {
    server.faults.push(fault)
    const sink = await download('MLmodel', 11)
    expect(sink.content.toString()).toBe('flavors: {}')
    expect(sink.restarts).toBe(1)
    expect(sink.received).toBe(11)
  })

  it('gives up after a few attempts', async () => {
    for (let i = 0; i < 5; i++) server.faults.push({ kind: 'cut', afterBytes: 3 })
    await expect(download('MLmodel', 11)).rejects.toMatchObject({ code: 'ARTIFACT_UNAVAILABLE' })
    expect(server.requests).toHaveLength(3)
  })

  it('does not retry what is not there', async () => {
    await expect(download('gone', 3)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' })
    expect(server.requests).toHaveLength(1)
  })

  it('explains a server with --no-serve-artifacts at once', async () => {
    server.refusal = {
      status: 503,
      text: 'Endpoint: /api/2.0/mlflow-artifacts/artifacts disabled due to the mlflow server running with `--no-serve-artifacts`. To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`',
    }
    await expect(list()).rejects.toMatchObject({
      code: 'ARTIFACT_DENIED',
      message: expect.stringContaining('--serve-artifacts'),
    })
    expect(server.requests).toHaveLength(1)
  })

  it('explains a refused login', async () => {
    server.refusal = { status: 401, text: 'You are not authenticated.' }
    await expect(list()).rejects.toMatchObject({
      code: 'ARTIFACT_DENIED',
      message: expect.stringContaining('MLFLOW_TRACKING_USERNAME'),
    })
  })
})

describe('which server, and with which login', () => {
  const basic = `Basic ${Buffer.from('ada:hush').toString('base64')}`

  it('the tracking server gets the login', async () => {
    await list()
    expect(server.requests[0]).toEqual({
      path: `${ROUTE}?path=1%2Fmodels%2Fm-1%2Fartifacts`,
      authorization: basic,
    })
  })

  it('the tracking server named by its address gets it too', async () => {
    await list(`mlflow-artifacts://${new URL(server.url).host}/1/models/m-1/artifacts`)
    expect(server.requests[0]?.authorization).toBe(basic)
  })

  it('so does its API root as an http address', async () => {
    const files = await list(`${server.url}${ROUTE}/1/models/m-1/artifacts`)
    expect(files).toHaveLength(3)
    expect(server.requests[0]?.authorization).toBe(basic)
  })

  it.each([
    (other: FakeProxy) => `mlflow-artifacts://${new URL(other.url).host}/m`,
    (other: FakeProxy) => `${other.url}${ROUTE}/m`,
    (other: FakeProxy) => `http://eve:pw@${new URL(other.url).host}${ROUTE}/m`,
  ])('another server gets none (%#)', async (uriOf) => {
    const other = await FakeProxy.start()
    other.files.set('m/MLmodel', 'x')
    try {
      expect(await list(uriOf(other))).toHaveLength(1)
      await download('MLmodel', 1, uriOf(other))
      expect(other.requests.map(({ authorization }) => authorization)).toEqual([
        undefined,
        undefined,
      ])
    } finally {
      await other.stop()
    }
  })

  it('another server that wants one says so', async () => {
    const other = await FakeProxy.start()
    other.refusal = { status: 401, text: 'You are not authenticated.' }
    try {
      await expect(list(`mlflow-artifacts://${new URL(other.url).host}/m`)).rejects.toMatchObject({
        code: 'ARTIFACT_DENIED',
        message: expect.stringContaining('none is sent to it because MLFLOW_TRACKING_URI'),
      })
    } finally {
      await other.stop()
    }
  })

  it('keeps the path prefix of the tracking server', async () => {
    const prefixed = await FakeProxy.start('/mlflow')
    prefixed.files.set('m/MLmodel', 'x')
    store = open(`${prefixed.url}/mlflow/`)
    try {
      expect(await list('mlflow-artifacts:/m')).toHaveLength(1)
    } finally {
      await prefixed.stop()
    }
  })

  it('needs a tracking server', async () => {
    store = new ProxyStore(undefined, options)
    await expect(list()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('MLFLOW_TRACKING_URI'),
    })
  })

  it('refuses an http address that is no artifact API', async () => {
    await expect(list('http://files.example.org/model')).rejects.toMatchObject({
      code: 'MODEL_URI_INVALID',
    })
  })
})
