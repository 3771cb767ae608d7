import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { cacheFailure } from '../../src/artifacts/cache/cache-failure.ts'
import { FileSink } from '../../src/artifacts/file-sink.ts'

const folder = await mkdtemp(join(tmpdir(), 'file-sink-'))
afterAll(() => rm(folder, { recursive: true }))
let files = 0

describe('a file that is written', () => {
  it('has the hash of its content, in whatever order its pieces came, and after a restart', async () => {
    const pieces = fc
      .array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 12 })
      .chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray(
            list.map((_, i) => i),
            { minLength: list.length },
          ),
          fc.boolean(),
        ),
      )
    await fc.assert(
      fc.asyncProperty(pieces, async ([list, order, restarts]) => {
        const content = Buffer.concat(list)
        const target = join(folder, String(files++))
        let counted = 0
        const file = { path: 'model.onnx', size: content.length, etag: undefined }
        const sink = await FileSink.create(file, target, (bytes) => {
          counted += bytes
        })
        if (restarts && content.length > 0) {
          await sink.write(new Uint8Array(1), 0)
          await sink.restart()
        }
        for (const i of order) {
          const position = list.slice(0, i).reduce((sum, piece) => sum + piece.length, 0)
          await sink.write(list[i] ?? new Uint8Array(), position)
        }
        const md5 = await sink.md5()
        expect(await sink.finish()).toEqual({
          path: 'model.onnx',
          size: content.length,
          sha256: createHash('sha256').update(content).digest('hex'),
        })
        expect(md5).toBe(createHash('md5').update(content).digest('hex'))
        expect((await readFile(target)).equals(content)).toBe(true)
        expect(counted).toBe(content.length)
      }),
      { numRuns: 60 },
    )
  })

  it('is refused when it is shorter than announced', async () => {
    const file = { path: 'a', size: 10, etag: undefined }
    const sink = await FileSink.create(file, join(folder, 'short'), () => {})
    await sink.write(new Uint8Array(9), 0)
    await expect(sink.finish()).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' })
    await sink.discard()
  })

  it('is refused before the byte that is too many is written', async () => {
    const file = { path: 'a', size: 10, etag: undefined }
    const sink = await FileSink.create(file, join(folder, 'long'), () => {})
    await expect(sink.write(new Uint8Array(11), 0)).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
    })
    await sink.discard()
    expect(await readFile(join(folder, 'long'))).toHaveLength(0)
  })

  it('never replaces a file that is there', async () => {
    const file = { path: 'a', size: undefined, etag: undefined }
    const sink = await FileSink.create(file, join(folder, 'twice'), () => {})
    await sink.discard()
    await expect(FileSink.create(file, join(folder, 'twice'), () => {})).rejects.toMatchObject({
      code: 'CACHE_FAILED',
    })
  })
})

describe('trouble with the disk says what to do', () => {
  it.each([
    ['ENOSPC', 'No space is left'],
    ['EDQUOT', 'quota'],
    ['EROFS', 'read-only'],
    ['EACCES', 'may not write'],
    ['EMFILE', 'ulimit'],
    ['EIO', 'check the disk'],
  ])('%s', (code, text) => {
    const failure = cacheFailure(Object.assign(new Error(`${code}: at /srv/secret`), { code }))
    expect(failure).toMatchObject({ code: 'CACHE_FAILED', message: expect.stringContaining(text) })
    expect(failure.message).not.toContain('/srv/secret')
  })
})
