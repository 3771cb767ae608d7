import { once } from 'node:events'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LocalStore } from '../../src/artifacts/local-store.ts'
import { MemorySink } from './memory-sink.ts'

const never = new AbortController().signal
const store = new LocalStore()
let root: string
let model: string
let socket: Server | undefined

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'local store ')))
  model = join(root, 'model')
  await mkdir(join(model, 'code'), { recursive: true })
  await writeFile(join(model, 'MLmodel'), 'flavors: {}')
  await writeFile(join(model, 'code/a.py'), 'pass')
})
afterEach(async () => {
  socket?.close()
  await rm(root, { recursive: true })
})

async function listen(path: string): Promise<void> {
  socket = createServer().listen(path)
  await once(socket, 'listening')
}

async function list(uri: string): Promise<string[]> {
  const paths: string[] = []
  for await (const file of store.list(uri, never)) paths.push(`${file.path} ${file.size}`)
  return paths.sort()
}

describe('a local folder', () => {
  it.each([
    ['plain path', () => model],
    ['file:///', () => pathToFileURL(model).href],
    ['file:/', () => pathToFileURL(model).href.replace('file:///', 'file:/')],
  ])('is listed by %s', async (_form, uri) => {
    expect(await list(uri())).toEqual(['MLmodel 11', 'code/a.py 4'])
    expect(await store.localFolder(uri())).toBe(model)
  })

  it('is the folder that a link means now', async () => {
    await symlink('model', join(root, 'current'))
    expect(await store.localFolder(join(root, 'current'))).toBe(model)
  })

  it('may have links inside, as a Kubernetes volume has', async () => {
    await mkdir(join(root, 'mount/..2026'), { recursive: true })
    await writeFile(join(root, 'mount/..2026/MLmodel'), 'x')
    await symlink('..2026', join(root, 'mount/..data'))
    await symlink('..data/MLmodel', join(root, 'mount/MLmodel'))
    expect(await list(join(root, 'mount'))).toContain('MLmodel 1')
  })

  it.each([
    ['a link that leaves it', () => symlink(join(root, 'secret'), join(model, 'link'))],
    ['a folder link that leaves it', () => symlink('..', join(model, 'code/up'))],
    ['a folder that contains itself', () => symlink('.', join(model, 'self'))],
    ['a socket', () => listen(join(model, 'socket'))],
  ])('is refused with %s', async (_what, make) => {
    await writeFile(join(root, 'secret'), 'x')
    await make()
    await expect(list(model)).rejects.toMatchObject({ code: 'ARTIFACT_UNSAFE' })
  })

  it('can be copied', async () => {
    const sink = new MemorySink()
    await store.download(model, { path: 'code/a.py', size: 4, etag: undefined }, sink, never)
    expect(sink.content.toString()).toBe('pass')
  })

  it('is never copied through a link that was laid after the listing', async () => {
    await writeFile(join(root, 'secret'), 'x')
    await symlink(join(root, 'secret'), join(model, 'late'))
    const late = { path: 'late', size: 1, etag: undefined }
    await expect(store.download(model, late, new MemorySink(), never)).rejects.toMatchObject({
      code: 'ARTIFACT_UNSAFE',
    })
  })

  it.each([
    ['a folder that does not exist', 'ARTIFACT_NOT_FOUND', () => join(root, 'nothing')],
    ['a file', 'ARTIFACT_NOT_FOUND', () => join(model, 'MLmodel')],
    ['another host', 'MODEL_URI_INVALID', () => 'file://elsewhere/model'],
  ])('says what is wrong with %s, without its path', async (_what, code, uri) => {
    await expect(list(uri())).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining(root),
    })
  })
})
