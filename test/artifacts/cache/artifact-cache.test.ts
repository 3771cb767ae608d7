import { createHash } from 'node:crypto'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ArtifactCache,
  type ArtifactCacheOptions,
  type CacheEvent,
} from '../../../src/artifacts/cache/artifact-cache.ts'
import { LocalStore } from '../../../src/artifacts/local-store.ts'
import { ProxyStore } from '../../../src/artifacts/proxy/proxy-store.ts'
import { systemClock } from '../../../src/clock.ts'
import type { ArtifactStore, DownloadProgress, ModelVersion } from '../../../src/interfaces.ts'
import { FakeProxy } from '../fake-proxy.ts'

const never = new AbortController().signal
const ignore = () => {}
let server: FakeProxy
let root: string
let folder: string
let events: CacheEvent[]

beforeEach(async () => {
  server = await FakeProxy.start()
  root = await mkdtemp(join(tmpdir(), 'artifact-cache-'))
  folder = join(root, 'cache')
  events = []
  for (const v of ['1', '2', '3', '4']) {
    server.files.set(`iris/${v}/MLmodel`, `version: ${v}`)
    server.files.set(`iris/${v}/data/model.onnx`, 'x'.repeat(89))
  }
})
afterEach(async () => {
  await server.stop()
  await rm(root, { recursive: true })
})

function open(options: Partial<ArtifactCacheOptions> = {}, store?: ArtifactStore): ArtifactCache {
  const retries = { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 }
  const used = store ?? new ProxyStore({ uri: server.url }, { retries })
  return new ArtifactCache(
    { storeFor: () => used },
    {
      folder,
      maxBytes: 1e9,
      maxFiles: 100,
      maxModelBytes: 1e9,
      clock: systemClock,
      onEvent: (event) => events.push(event),
      ...options,
    },
  )
}

function iris(version: string, identity = 'a'): ModelVersion {
  return { name: 'iris', version, source: `mlflow-artifacts:/iris/${version}`, identity }
}

function acquire(cache: ArtifactCache, version: string, signal = never) {
  return cache.acquire(iris(version), ignore, signal)
}

/** Names of the entries on disk. */
async function onDisk(): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => !name.startsWith('.'))
    .map((name) => name.slice(0, 'iris-1'.length))
    .sort()
}

async function leftovers(): Promise<string[]> {
  return [
    ...(await readdir(join(folder, '.staging')).catch(() => [])),
    ...(await readdir(join(folder, '.trash')).catch(() => [])),
  ]
}

describe('a version', () => {
  it('becomes a folder of files with an index that has their hashes', async () => {
    const artifact = await acquire(open(), '1')
    expect(artifact.bytes).toBe(99)
    expect(await readFile(join(artifact.folder, 'MLmodel'), 'utf8')).toBe('version: 1')
    expect(await readFile(join(artifact.folder, 'data/model.onnx'), 'utf8')).toHaveLength(89)
    const index = JSON.parse(await readFile(join(artifact.folder, '../index.json'), 'utf8'))
    expect(index).toEqual({
      format: 1,
      name: 'iris',
      version: '1',
      source: 'mlflow-artifacts:/iris/1',
      identity: 'a',
      created: expect.stringMatching(/^\d{4}-/),
      bytes: 99,
      files: [
        {
          path: 'MLmodel',
          size: 10,
          sha256: createHash('sha256').update('version: 1').digest('hex'),
        },
        { path: 'data/model.onnx', size: 89, sha256: expect.any(String) },
      ],
    })
    expect(await leftovers()).toEqual([])
  })

  it('is downloaded once, and found again by the next process', async () => {
    const cache = open()
    await acquire(cache, '1')
    await acquire(cache, '1')
    await acquire(open(), '1')
    expect(server.reads).toHaveLength(2)
    expect(events.map(({ kind }) => kind)).toEqual(['miss', 'downloaded', 'hit', 'hit'])
    expect(cache.describe()).toEqual({ bytes: 99, entries: 1, hits: 1, misses: 1, evictions: 0 })
  })

  it('is another one when it was registered again', async () => {
    const cache = open()
    const first = await cache.acquire(iris('1', 'a'), ignore, never)
    const second = await cache.acquire(iris('1', 'b'), ignore, never)
    expect(second.folder).not.toBe(first.folder)
    expect(server.reads).toHaveLength(4)
  })

  it('may have any name', async () => {
    const odd = { ...iris('1'), name: '../..\\ ñ%2f', version: '/etc/passwd' }
    const artifact = await open().acquire(odd, ignore, never)
    expect(dirname(dirname(artifact.folder))).toBe(folder)
  })
})

describe('many who ask at once', () => {
  it('share one download, and all see its progress', async () => {
    const cache = open()
    const seen: DownloadProgress[][] = [[], [], []]
    const artifacts = await Promise.all(
      seen.map((list) => cache.acquire(iris('1'), (progress) => list.push(progress), never)),
    )
    expect(new Set(artifacts.map((artifact) => artifact.folder)).size).toBe(1)
    expect(server.reads).toHaveLength(2)
    for (const list of seen) {
      expect(list.at(-1)).toEqual({ files: 2, filesDone: 2, bytes: 99, bytesDone: 99 })
    }
  })

  it('may leave one by one; the last one stops the download', async () => {
    const cache = open()
    const [first, second] = [new AbortController(), new AbortController()]
    const begun = new Promise<void>((resolve) => {
      server.beforeRead = () => new Promise(() => resolve())
    })
    const waiting = [acquire(cache, '1', first.signal), acquire(cache, '1', second.signal)]
    const settled = Promise.allSettled(waiting)
    await begun
    first.abort(new Error('first leaves'))
    await expect(waiting[0]).rejects.toThrow('first leaves')
    expect(await readdir(join(folder, '.staging'))).toHaveLength(1)
    second.abort(new Error('second leaves'))
    await expect(waiting[1]).rejects.toThrow('second leaves')
    await settled
    server.beforeRead = undefined
    await acquire(cache, '1')
    await expect.poll(leftovers).toEqual([])
  })

  it('all fail when it fails, and the next one tries again', async () => {
    const cache = open()
    server.refusal = { status: 401, text: 'no' }
    const results = await Promise.allSettled([acquire(cache, '1'), acquire(cache, '1')])
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
    server.refusal = undefined
    await acquire(cache, '1')
  })
})

describe('an entry that is not what its index says', () => {
  it.each([
    ['shorter', async (files: string) => truncate(join(files, 'data/model.onnx'), 10)],
    ['missing', async (files: string) => rm(join(files, 'MLmodel'))],
    ['without index', async (files: string) => rm(join(files, '../index.json'))],
    ['with a broken index', async (files: string) => writeFile(join(files, '../index.json'), '{')],
  ])('(%s) is thrown away and downloaded again', async (_how, damage) => {
    const { folder: files, release } = await acquire(open(), '1')
    release()
    await damage(files)
    const again = await acquire(open(), '1')
    expect(await readFile(join(again.folder, 'data/model.onnx'), 'utf8')).toHaveLength(89)
    expect(server.reads).toHaveLength(4)
    expect(await leftovers()).toEqual([])
  })

  it('is noticed by its content where that is checked', async () => {
    const { folder: files } = await acquire(open(), '1')
    await writeFile(join(files, 'MLmodel'), 'version: 9')
    await acquire(open({ verify: 'size' }), '1')
    expect(server.reads).toHaveLength(2)
    await acquire(open({ verify: 'content' }), '1')
    expect(server.reads).toHaveLength(4)
    expect(events.map(({ kind }) => kind)).toContain('damaged')
  })
})

describe('what is refused before it is written', () => {
  it.each([
    ['a name that climbs out', { path: '../x', is_dir: false }, {}, '../x'],
    ['an encoded one', { path: '%2e%2e%2fx', is_dir: false }, {}, 'percent-decoded'],
    ['an absolute one', { path: '/etc/cron.d/x', is_dir: false }, {}, 'absolute'],
    ['a name twice', { path: 'mlmodel', is_dir: false }, {}, 'but for case'],
    ['too many files', { path: 'x', is_dir: false }, { maxFiles: 1 }, '--model-max-files'],
    [
      'too many bytes',
      { path: 'x', is_dir: false, file_size: 1e6 },
      { maxModelBytes: 1e5 },
      '--model-max-bytes',
    ],
  ])('%s', async (_what, entry, limits, text) => {
    server.lies = [{ path: 'MLmodel', is_dir: false, file_size: 10 }, entry]
    await expect(acquire(open(limits), '1')).rejects.toMatchObject({
      code: 'ARTIFACT_UNSAFE',
      message: expect.stringContaining(text),
    })
    expect(server.reads).toEqual([])
    expect(await onDisk()).toEqual([])
  })

  it('more than the disk holds', async () => {
    server.lies = [{ path: 'MLmodel', is_dir: false, file_size: 2 ** 52 }]
    const cache = open({ maxModelBytes: Number.MAX_SAFE_INTEGER })
    await expect(acquire(cache, '1')).rejects.toMatchObject({
      code: 'CACHE_FAILED',
      message: expect.stringContaining('bytes free'),
    })
    expect(server.reads).toEqual([])
  })
})

describe('what turns out wrong on the way', () => {
  it('a file that is longer than announced', async () => {
    server.lies = [{ path: 'MLmodel', is_dir: false, file_size: 3 }]
    await expect(acquire(open(), '1')).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      message: expect.stringContaining('Expected 3 bytes for "MLmodel"'),
    })
    expect(await onDisk()).toEqual([])
    expect(await leftovers()).toEqual([])
  })

  it('a file of unannounced size that passes the limit', async () => {
    server.lies = [{ path: 'MLmodel', is_dir: false }]
    await expect(acquire(open({ maxModelBytes: 5 }), '1')).rejects.toMatchObject({
      code: 'ARTIFACT_UNSAFE',
    })
    expect(await leftovers()).toEqual([])
  })

  it.each([
    [[], 'an empty listing'],
    [['notes.txt'], 'got "notes.txt"; is that where a model was logged?'],
    [['model/MLmodel', 'a'], 'there is one at "model/MLmodel": should the path end there?'],
  ])('no MLmodel, but %j', async (names, text) => {
    for (const name of names) server.files.set(`iris/9/${name}`, 'x')
    await expect(acquire(open(), '9')).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
      message: expect.stringContaining(text),
    })
  })

  it('a cache folder that is a file', async () => {
    await writeFile(folder, 'x')
    await expect(acquire(open(), '1')).rejects.toMatchObject({
      code: 'CACHE_FAILED',
      message: expect.stringMatching(/--cache-dir, BATON_CACHE_DIR/),
    })
    await rm(folder)
    await acquire(open(), '1')
  })

  it('a part that is begun again is counted once', async () => {
    server.faults.push({ kind: 'cut', afterBytes: 4 })
    const seen: number[] = []
    await open().acquire(iris('1'), ({ bytesDone }) => seen.push(bytesDone), never)
    expect(seen.at(-1)).toBe(99)
    expect(Math.max(...seen)).toBe(99)
  })
})

describe('the bound', () => {
  /** Makes the entry look as if it was used that many minutes ago. */
  async function age(version: string, minutes: number): Promise<void> {
    const name = (await readdir(folder)).find((entry) => entry.startsWith(`iris-${version}-`)) ?? ''
    const then = new Date(Date.now() - minutes * 60_000)
    await utimes(join(folder, name, 'index.json'), then, then)
  }

  it('drops what was used least recently', async () => {
    const cache = open({ maxBytes: 250 })
    for (const version of ['1', '2']) (await acquire(cache, version)).release()
    await age('1', 2)
    await age('2', 1)
    ;(await acquire(cache, '1')).release()
    ;(await acquire(cache, '3')).release()
    expect(await onDisk()).toEqual(['iris-1', 'iris-3'])
    expect(cache.describe()).toMatchObject({ bytes: 198, entries: 2, evictions: 1 })
    expect(events.filter(({ kind }) => kind === 'evicted')).toEqual([
      { kind: 'evicted', model: 'iris', version: '2', bytes: 99 },
    ])
  })

  it('never drops what is held, even when that passes it', async () => {
    const cache = open({ maxBytes: 100 })
    const [one, two] = [await acquire(cache, '1'), await acquire(cache, '2')]
    expect(await onDisk()).toEqual(['iris-1', 'iris-2'])
    one.release()
    one.release()
    ;(await acquire(cache, '3')).release()
    expect(await onDisk()).toEqual(['iris-2', 'iris-3'])
    expect(await readFile(join(two.folder, 'MLmodel'), 'utf8')).toBe('version: 2')
  })

  it('holds what is held twice until both have let go', async () => {
    const cache = open({ maxBytes: 100 })
    const [first, second] = [await acquire(cache, '1'), await acquire(cache, '1')]
    first.release()
    ;(await acquire(cache, '2')).release()
    expect(await onDisk()).toContain('iris-1')
    second.release()
    ;(await acquire(cache, '3')).release()
    expect(await onDisk()).not.toContain('iris-1')
  })

  it('never drops what another user of the folder holds', async () => {
    const other = await acquire(open(), '1')
    ;(await acquire(open({ maxBytes: 1 }), '2')).release()
    expect(await onDisk()).toContain('iris-1')
    other.release()
    await expect.poll(() => readdir(join(other.folder, '../leases'))).toEqual([])
    ;(await acquire(open({ maxBytes: 1 }), '2')).release()
    expect(await onDisk()).not.toContain('iris-1')
  })

  it('does not heed the lease of a dead process', async () => {
    const { folder: files, release } = await acquire(open(), '1')
    const leases = join(files, '../leases')
    const [mine = ''] = await readdir(leases)
    release()
    // The pid lives (it is ours), but the process that signed began at another time.
    const [place, pid] = mine.split('.')
    await writeFile(join(leases, `${place}.${pid}.1.abc~x`), '')
    ;(await acquire(open({ maxBytes: 1 }), '2')).release()
    expect(await onDisk()).not.toContain('iris-1')
  })

  it('heeds the lease of a process elsewhere as long as it is renewed', async () => {
    const { folder: files, release } = await acquire(open(), '1')
    const foreign = join(files, '../leases/0123456789ab.1.5.abc~x')
    await writeFile(foreign, '')
    release()
    ;(await acquire(open({ maxBytes: 1 }), '2')).release()
    expect(await onDisk()).toContain('iris-1')
    const silent = new Date(Date.now() - 10 * 60_000)
    await utimes(foreign, silent, silent)
    ;(await acquire(open({ maxBytes: 1 }), '3')).release()
    expect(await onDisk()).not.toContain('iris-1')
  })

  it('holds at the start too, when it is lower than last time', async () => {
    for (const version of ['1', '2', '3']) (await acquire(open(), version)).release()
    await expect
      .poll(async () => {
        const cache = open({ maxBytes: 150 })
        await cache.entries()
        return onDisk()
      })
      .toHaveLength(1)
  })
})

describe('a local folder', () => {
  let model: string
  const at = (source: string): ModelVersion => ({ name: 'm', version: '1', source, identity: 'x' })

  beforeEach(async () => {
    model = join(root, 'model')
    await mkdir(model)
    await writeFile(join(model, 'MLmodel'), 'flavors: {}')
  })

  it('is read in place; the cache is not even made', async () => {
    const artifact = await open({}, new LocalStore()).acquire(at(model), ignore, never)
    expect(artifact).toMatchObject({ folder: model, bytes: 11 })
    artifact.release()
    expect(await readFile(join(model, 'MLmodel'), 'utf8')).toBe('flavors: {}')
    expect(await readdir(root)).toEqual(['model'])
  })

  it('is copied where that is asked for', async () => {
    const cache = open({ copyLocal: true }, new LocalStore())
    const artifact = await cache.acquire(at(model), ignore, never)
    await writeFile(join(model, 'MLmodel'), 'changed')
    expect(await readFile(join(artifact.folder, 'MLmodel'), 'utf8')).toBe('flavors: {}')
  })

  it('is refused without MLmodel', async () => {
    await rm(join(model, 'MLmodel'))
    await expect(
      open({}, new LocalStore()).acquire(at(model), ignore, never),
    ).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' })
  })
})

describe('a start without a registry', () => {
  it('finds the versions there are, the last one used first', async () => {
    for (const version of ['1', '2']) (await acquire(open(), version)).release()
    ;(await acquire(open(), '1')).release()
    const entries = await open().entries()
    expect(entries.map(({ index }) => [index.name, index.version, index.source])).toEqual([
      ['iris', '1', 'mlflow-artifacts:/iris/1'],
      ['iris', '2', 'mlflow-artifacts:/iris/2'],
    ])
  })
})
