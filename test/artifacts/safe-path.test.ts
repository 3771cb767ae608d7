import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { PathSet } from '../../src/artifacts/path-set.ts'
import { checkPath, staysInside, unsafePathReason } from '../../src/artifacts/safe-path.ts'

describe('names from a listing', () => {
  it.each([
    'MLmodel',
    'model.onnx',
    'code/pkg/__init__.py',
    'data/2026-01-01T10:00.json',
    'a%20b.txt',
    '100%',
    '..data/MLmodel',
    'aux.py',
    'größe/模型.onnx',
  ])('accepts %j', (path) => {
    expect(unsafePathReason(path, 'linux')).toBeUndefined()
    expect(checkPath(path)).toBe(path)
  })

  it.each([
    ['', 'it is empty'],
    ['/etc/passwd', 'it is absolute'],
    ['../x', 'it has ".." in it'],
    ['a/../../x', 'it has ".." in it'],
    ['a/..', 'it has ".." in it'],
    ['./a', 'it has "." in it'],
    ['a//b', 'it has an empty name in it'],
    ['a/', 'it has an empty name in it'],
    ['a\\..\\b', 'it has a backslash'],
    ['C:/x', 'it begins with a drive letter'],
    ['a\0b', 'it has a control character'],
    ['a\nb', 'it has a control character'],
    ['%2e%2e/x', 'it has ".." in it once percent-decoded'],
    ['%252e%252e%252fx', 'it has ".." in it once percent-decoded'],
    ['%2fetc', 'it is absolute once percent-decoded'],
    ['a%5c..%5cb', 'it has a backslash once percent-decoded'],
    ['a%00b', 'it has a control character once percent-decoded'],
    [`${'%25'.repeat(1)}${'25'.repeat(14)}2e`, 'it is still percent-encoded after 10 rounds'],
    ['\ud800', 'it is not valid Unicode'],
    ['x'.repeat(256), 'a name in it is longer than 255 bytes'],
    [Array(200).fill('longer').join('/'), 'it is longer than 1024 bytes'],
  ])('refuses %j: %s', (path, reason) => {
    expect(unsafePathReason(path, 'linux')).toBe(reason)
    expect(() => checkPath(path)).toThrowError(
      expect.objectContaining({
        code: 'ARTIFACT_UNSAFE',
        message: expect.stringContaining(reason),
      }),
    )
  })

  it.each(['aux.py', 'con', 'a/NUL', 'a:b', 'trailing.', 'what?'])(
    'refuses %j on Windows',
    (path) => {
      expect(unsafePathReason(path, 'win32')).toBeDefined()
    },
  )

  it('never accepts what climbs out, however it is written', () => {
    const pieces = fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      '%',
      '2e',
      '2f',
      '5c',
      '25',
      'a',
      'C:',
      '\0',
      '',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const path = parts.join('')
        if (unsafePathReason(path, 'linux') !== undefined) return
        let text = path
        for (let round = 0; round < 12; round++) {
          const resolved = posix.resolve('/root/model', text)
          expect(resolved.startsWith('/root/model/')).toBe(true)
          text = text.replace(/%[0-9a-f]{2}/gi, (code) =>
            String.fromCharCode(Number.parseInt(code.slice(1), 16)),
          )
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('accepts every plain relative path', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}$/)
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
        expect(unsafePathReason(names.join('/'), 'linux')).toBeUndefined()
      }),
    )
  })
})

describe('names that lie together', () => {
  it.each([
    [['a', 'a']],
    [['MLmodel', 'mlmodel']],
    [['a', 'a/b']],
    [['a/b', 'A']],
    [['\u00e9', 'e\u0301']],
  ])('refuses %j', (paths) => {
    const set = new PathSet()
    expect(() => {
      for (const path of paths) set.add(path)
    }).toThrowError(expect.objectContaining({ code: 'ARTIFACT_UNSAFE' }))
  })

  it('accepts files of one folder', () => {
    const set = new PathSet()
    for (const path of ['MLmodel', 'code/a.py', 'code/b.py', 'code/a/c.py']) set.add(path)
  })
})

describe('links', async () => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'safe-path-')))
  afterAll(() => rm(root, { recursive: true }))

  it('tells a link that leaves the folder from one that stays', async () => {
    await mkdir(join(root, 'model/sub'), { recursive: true })
    await writeFile(join(root, 'model/sub/file'), 'x')
    await writeFile(join(root, 'outside'), 'x')
    await symlink('sub/file', join(root, 'model/inner'))
    await symlink('../outside', join(root, 'model/outer'))
    await symlink('..', join(root, 'model/up'))
    expect(await staysInside(join(root, 'model'), join(root, 'model/inner'))).toBe(true)
    expect(await staysInside(join(root, 'model'), join(root, 'model/outer'))).toBe(false)
    expect(await staysInside(join(root, 'model'), join(root, 'model/up'))).toBe(false)
  })
})
