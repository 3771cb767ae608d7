import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { S3Settings } from '../../../src/artifacts/s3/s3-client.ts'
import { S3Store } from '../../../src/artifacts/s3/s3-store.ts'
import type { ArtifactFile } from '../../../src/interfaces.ts'
import { FakeS3 } from '../fake-s3.ts'
import { MemorySink } from '../memory-sink.ts'

const never = new AbortController().signal
const PART = 64 * 1024
let s3: FakeS3
let store: S3Store
let environment: NodeJS.ProcessEnv

beforeEach(async () => {
  environment = { ...process.env }
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'hush-hush',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  })
  s3 = await FakeS3.start('models')
  store = open()
})

afterEach(async () => {
  await store.close()
  await s3.stop()
  process.env = environment
})

function open(settings: S3Settings = {}): S3Store {
  return new S3Store(
    { endpointUrl: s3.url, region: 'us-east-1', idleTimeoutMs: 200, ...settings },
    { partBytes: PART, retries: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 } },
  )
}

async function list(uri: string, from = store): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = []
  for await (const file of from.list(uri, never)) files.push(file)
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function download(path: string, signal = never): Promise<MemorySink> {
  const file = (await list('s3://models/m1')).find((listed) => listed.path === path)
  if (file === undefined) throw new Error(`${path} is not listed`)
  const sink = new MemorySink()
  await store.download('s3://models/m1', file, sink, signal)
  return sink
}

describe('listing', () => {
  it('lists what lies below the path, in all folders, and not what only begins like it', async () => {
    s3.put('models', 'm1/MLmodel', 'flavors: {}')
    s3.put('models', 'm1/code/a & b.py', 'pass')
    s3.put('models', 'm10/MLmodel', 'other')
    s3.put('models', 'm1', 'a file of that name')
    expect(await list('s3://models/m1')).toEqual([
      { path: 'MLmodel', size: 11, etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) },
      { path: 'code/a & b.py', size: 4, etag: expect.any(String) },
    ])
    expect(await list('s3://models/m1/')).toHaveLength(2)
  })

  it('follows the pages', async () => {
    s3.pageSize = 3
    for (let i = 0; i < 10; i++) s3.put('models', `m1/${i}`, 'x')
    expect(await list('s3://models/m1')).toHaveLength(10)
    expect(s3.requests).toHaveLength(4)
  })

  it('leaves out the markers that consoles make for folders', async () => {
    s3.put('models', 'm1/', '')
    s3.put('models', 'm1/code/', '')
    s3.put('models', 'm1/MLmodel', 'x')
    expect((await list('s3://models/m1')).map((file) => file.path)).toEqual(['MLmodel'])
  })

  it('lists a whole bucket', async () => {
    s3.put('models', 'MLmodel', 'x')
    expect((await list('s3://models')).map((file) => file.path)).toEqual(['MLmodel'])
  })

  it('hands on names as they are: whoever writes them checks them', async () => {
    s3.put('models', 'm1/../x', 'x')
    expect((await list('s3://models/m1')).map((file) => file.path)).toEqual(['../x'])
  })
})

describe('downloading', () => {
  it('reads a small file in one request and checks its ETag', async () => {
    s3.put('models', 'm1/MLmodel', 'flavors: {}')
    expect((await download('MLmodel')).content.toString()).toBe('flavors: {}')
    expect(s3.requests).toEqual(['GET models', 'GET m1/MLmodel'])
    expect(s3.headers[1]?.get('if-match')).toMatch(/^"[0-9a-f]{32}"$/)
  })

  it('writes an empty file without asking for it', async () => {
    s3.put('models', 'm1/py.typed', '')
    expect((await download('py.typed')).content).toHaveLength(0)
  })

  it('reads a large file in parts, every byte once', async () => {
    const content = randomBytes(5 * PART + 17)
    s3.put('models', 'm1/model.onnx', content, '"0123456789abcdef0123456789abcdef-6"')
    const sink = await download('model.onnx')
    expect(sink.content.equals(content)).toBe(true)
    expect(sink.received).toBe(content.length)
    expect(s3.requests.slice(1).sort()).toEqual(
      [0, 1, 2, 3, 4, 5]
        .map((i) => `bytes=${i * PART}-${Math.min((i + 1) * PART, content.length) - 1}`)
        .map((range) => `GET m1/model.onnx ${range}`)
        .sort(),
    )
  })

  it('goes on from the byte reached when the connection is cut', async () => {
    const content = randomBytes(PART)
    s3.put('models', 'm1/model.onnx', content)
    s3.faults.push({ kind: 'cut', afterBytes: 1000 })
    const sink = await download('model.onnx')
    expect(sink.content.equals(content)).toBe(true)
    expect(sink.received).toBe(content.length)
    expect(s3.requests[2]).toMatch(/^GET m1\/model.onnx bytes=\d+-65535$/)
  })

  it('goes on from the byte reached when the connection stands still', async () => {
    const content = randomBytes(PART)
    s3.put('models', 'm1/model.onnx', content)
    s3.faults.push({ kind: 'stall', afterBytes: 1000 })
    expect((await download('model.onnx')).content.equals(content)).toBe(true)
  })

  it('retries what passes: a busy server', async () => {
    s3.put('models', 'm1/MLmodel', 'x')
    s3.faults.push({ kind: 'error', status: 503, code: 'SlowDown' })
    expect((await download('MLmodel')).content.toString()).toBe('x')
  })

  it('gives up after failures in a row that brought nothing', async () => {
    s3.put('models', 'm1/MLmodel', 'some text')
    for (let i = 0; i < 30; i++) s3.faults.push({ kind: 'cut', afterBytes: 0 })
    await expect(download('MLmodel')).rejects.toMatchObject({ code: 'ARTIFACT_UNAVAILABLE' })
  })

  it('notices an object that changes between two parts', async () => {
    s3.put('models', 'm1/model.onnx', randomBytes(5 * PART))
    s3.beforeRead = () => {
      if (s3.requests.length === 3) s3.put('models', 'm1/model.onnx', randomBytes(5 * PART))
    }
    await expect(download('model.onnx')).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      message: expect.stringContaining('changed while it was downloaded'),
    })
  })

  it('notices content that is not what the ETag says', async () => {
    s3.put('models', 'm1/MLmodel', 'x', '"0123456789abcdef0123456789abcdef"')
    await expect(download('MLmodel')).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      message: expect.stringContaining('content with MD5'),
    })
  })

  it('does not take the ETag of an encrypted object for its MD5', async () => {
    s3.put('models', 'm1/MLmodel', 'x', '"0123456789abcdef0123456789abcdef"', {
      'x-amz-server-side-encryption': 'aws:kms',
    })
    expect((await download('MLmodel')).content.toString()).toBe('x')
  })

  it('refuses a server that does not honour ranges', async () => {
    s3.put('models', 'm1/model.onnx', randomBytes(5 * PART))
    s3.faults.push({ kind: 'ignore-range' })
    await expect(download('model.onnx')).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      message: expect.stringContaining('does not honour the Range header'),
    })
  })

  it('stops when it is aborted, with the reason given', async () => {
    s3.put('models', 'm1/model.onnx', randomBytes(5 * PART))
    const stop = new AbortController()
    s3.beforeRead = () => stop.abort(new Error('no longer wanted'))
    await expect(download('model.onnx', stop.signal)).rejects.toThrow('no longer wanted')
  })

  it('keeps to MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT', async () => {
    store = open({ downloadTimeoutMs: 50, idleTimeoutMs: 10_000 })
    s3.put('models', 'm1/MLmodel', 'some text')
    s3.faults.push({ kind: 'stall', afterBytes: 1 })
    await expect(download('MLmodel')).rejects.toMatchObject({
      code: 'ARTIFACT_UNAVAILABLE',
      message: expect.stringContaining('MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT'),
    })
  })
})

describe('settings', () => {
  beforeEach(() => s3.put('models', 'm1/MLmodel', 'x'))

  it('sends the expected owner of the bucket with every request', async () => {
    store = open({ expectedBucketOwner: '123456789012' })
    await download('MLmodel')
    expect(s3.headers.map((headers) => headers.get('x-amz-expected-bucket-owner'))).toEqual([
      '123456789012',
      '123456789012',
    ])
  })

  it('signs nothing when told so, and needs no credentials then', async () => {
    delete process.env.AWS_ACCESS_KEY_ID
    store = open({ unsigned: true })
    await download('MLmodel')
    expect(s3.headers.map((headers) => headers.get('authorization'))).toEqual([null, null])
  })

  it.each(['malformed', 'permanent'] as const)(
    'takes the region of the bucket from an answer (%s) and keeps it',
    async (redirects) => {
      s3.region = 'eu-central-1'
      s3.redirects = redirects
      await download('MLmodel')
      await list('s3://models/m1')
      const regions = s3.headers.map((headers) => headers.get('authorization')?.split('/')[2])
      expect(regions).toEqual(['us-east-1', 'eu-central-1', 'eu-central-1', 'eu-central-1'])
    },
  )

  it('falls back to us-east-1 where no region is named', async () => {
    store = open({ region: undefined })
    await download('MLmodel')
    expect(s3.headers[0]?.get('authorization')).toContain('/us-east-1/s3/')
  })

  it('refuses a CA bundle that is none', async () => {
    store = open({ caBundle: '/dev/null' })
    await expect(list('s3://models/m1')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('failures say what to check', () => {
  it.each([
    ['AccessDenied', 403, 'ARTIFACT_DENIED', 's3:ListBucket'],
    [
      'InvalidAccessKeyId',
      403,
      'ARTIFACT_DENIED',
      'does not know the access key; check AWS_ACCESS_KEY_ID',
    ],
    ['SignatureDoesNotMatch', 403, 'ARTIFACT_DENIED', 'AWS_SECRET_ACCESS_KEY'],
    ['RequestTimeTooSkewed', 403, 'ARTIFACT_DENIED', 'clock'],
    ['ExpiredToken', 400, 'ARTIFACT_DENIED', 'AWS_SESSION_TOKEN'],
    ['InvalidToken', 400, 'ARTIFACT_DENIED', 'AWS_SESSION_TOKEN'],
    ['NoSuchBucket', 404, 'ARTIFACT_NOT_FOUND', 'has no bucket "models"'],
    ['NotFound', 404, 'ARTIFACT_UNAVAILABLE', 'is it the address of the S3 API'],
    ['PermanentRedirect', 301, 'ARTIFACT_DENIED', 'AWS_REGION or AWS_DEFAULT_REGION'],
    ['SlowDown', 503, 'ARTIFACT_UNAVAILABLE', 'busy'],
    ['OddError', 418, 'ARTIFACT_UNAVAILABLE', 'answered OddError (418)'],
  ])('%s', async (name, status, code, text) => {
    s3.refusal = { status, code: name }
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    })
  })

  it('missing bucket, missing key', async () => {
    await expect(list('s3://nothing/m1')).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
      message: expect.stringContaining('has no bucket "nothing"'),
    })
    const gone = { path: 'MLmodel', size: 3, etag: undefined }
    await expect(
      store.download('s3://models/m1', gone, new MemorySink(), never),
    ).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
      message: expect.stringContaining('m1/MLmodel'),
    })
  })

  it('no credentials anywhere', async () => {
    delete process.env.AWS_ACCESS_KEY_ID
    store = open()
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      code: 'ARTIFACT_DENIED',
      message: expect.stringContaining('none were found; set AWS_ACCESS_KEY_ID'),
    })
  })

  it('nobody listens', async () => {
    store = open({ endpointUrl: 'http://127.0.0.1:1' })
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      code: 'ARTIFACT_UNAVAILABLE',
      message: expect.stringMatching(/refused the connection.*MLFLOW_S3_ENDPOINT_URL/),
    })
  })

  it('a host that does not exist', async () => {
    store = open({ endpointUrl: 'http://no-such-host.invalid:9000' })
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      code: 'ARTIFACT_UNAVAILABLE',
      message: expect.stringContaining('does not resolve'),
    })
  })

  it('https where the server speaks http', async () => {
    store = open({ endpointUrl: s3.url.replace('http:', 'https:') })
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      code: 'ARTIFACT_UNAVAILABLE',
      message: expect.stringContaining('should MLFLOW_S3_ENDPOINT_URL begin with http://?'),
    })
  })

  it('keeps keys out of the message', async () => {
    s3.refusal = {
      status: 403,
      code: 'SignatureDoesNotMatch',
      extra: '<AWSAccessKeyId>AKEXAMPLE</AWSAccessKeyId>',
    }
    await expect(list('s3://models/m1')).rejects.toMatchObject({
      message: expect.not.stringMatching(/AKEXAMPLE|hush-hush/),
    })
  })
})
