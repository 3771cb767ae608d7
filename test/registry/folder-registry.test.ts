import { cp, readdir, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import type { ModelVersion } from '../../src/interfaces.ts'
import { formatModelRef, parseModelUri } from '../../src/model/model-uri.ts'
import { FolderRegistry } from '../../src/registry/folder-registry.ts'
import { ModelTree } from './model-tree.ts'

const { signal } = new AbortController()
let tree: ModelTree
let registry: FolderRegistry
let problems: string[]

beforeEach(async () => {
  tree = await ModelTree.make()
  await tree.addVersion('iris', '1')
  await tree.addVersion('iris', '2')
  await tree.addVersion('iris', '10')
  await tree.setAliases('iris', '# who serves\nchampion: 2\nchallenger: 10\n')
  problems = []
  registry = new FolderRegistry({
    root: tree.root,
    settleMs: 0,
    onProblem: (model, problem) => problems.push(`${model}: ${problem.message}`),
  })
})

afterEach(() => tree.remove('.'))

function resolve(...uris: string[]) {
  return registry.resolve(uris.map(parseModelUri), signal)
}

async function resolveOne(uri: string): Promise<ModelVersion> {
  const [resolution] = await resolve(uri)
  if (resolution === undefined || resolution instanceof ServingError) throw resolution
  return resolution
}

async function errorOf(uri: string): Promise<ServingError> {
  const [resolution] = await resolve(uri).catch((error: unknown) => [error])
  if (resolution instanceof ServingError) return resolution
  throw new Error(`expected a failure, got ${JSON.stringify(resolution)}`)
}

describe('a reference', () => {
  it.each([
    ['models:/iris@champion', '2'],
    ['models:/iris@challenger', '10'],
    ['models:/iris/latest', '10'],
    ['models:/iris/1', '1'],
  ])('%s is version %s', async (uri, version) => {
    const source = join(tree.root, 'iris', version)
    expect(await resolveOne(uri)).toMatchObject({ name: 'iris', version, source })
  })

  it('fails in its own place', async () => {
    expect(
      await resolve('models:/iris@x', 'models:/iris/3', 'models:/iris@champion'),
    ).toMatchObject([{ code: 'ALIAS_NOT_FOUND' }, { code: 'VERSION_NOT_FOUND' }, { version: '2' }])
  })

  it.each([
    ['models:/iris@x', 'ALIAS_NOT_FOUND', /its aliases are champion, challenger/],
    ['models:/iris/3', 'VERSION_NOT_FOUND', /no version 3; its newest is 10/],
    ['models:/iris/Production', 'MODEL_URI_INVALID', /no.*stage.*|stage.*models:\/iris@<alias>/],
    ['models:/iris', 'MODEL_URI_INVALID', /MLFLOW_TRACKING_URI.*models:\/<name>@<alias>/],
    ['runs:/r1/model', 'MODEL_URI_INVALID', /MLFLOW_TRACKING_URI/],
    ['models:/nope@champion', 'MODEL_NOT_FOUND', /No model "nope".*it has iris/],
    ['models:/..@champion', 'MODEL_NOT_FOUND', /No model "\.\."/],
    ['models:/a\\b/1', 'MODEL_NOT_FOUND', /No model/],
  ])('%s fails with %s', async (uri, code, message) => {
    const error = await errorOf(uri)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain(tree.root)
  })

  it('to a version that is gone is dangling', async () => {
    await tree.remove('iris/2')
    expect((await errorOf('models:/iris@champion')).message).toMatch(
      /"champion" of model "iris" names version 2, which is not there/,
    )
  })

  it('cannot be resolved where there is no folder', async () => {
    registry = new FolderRegistry({ root: join(tree.root, 'none') })
    const error = await errorOf('models:/iris@champion')
    expect(error.code).toBe('REGISTRY_UNAVAILABLE')
    expect(error.message).toMatch(/--registry-uri.*MLFLOW_TRACKING_URI/)
  })

  it('may be the path of a model folder', async () => {
    const path = join(tree.root, 'iris', '1')
    expect(await resolveOne(path)).toMatchObject({ name: '1', source: path })
  })
})

describe('a version', () => {
  it('is not there before its MLmodel file is', async () => {
    await tree.write('iris/11/model.onnx', 'onnx')
    expect(await resolveOne('models:/iris/latest')).toMatchObject({ version: '10' })
    await tree.write('iris/11/MLmodel', 'flavors: {}')
    expect(await resolveOne('models:/iris/latest')).toMatchObject({ version: '11' })
  })

  it('keeps its identity while its files stay, and in a copy that keeps their times', async () => {
    const before = await resolveOne('models:/iris/1')
    await tree.write('iris/1/.DS_Store', 'hidden')
    expect(await resolveOne('models:/iris/1')).toEqual(before)
    const [from, to] = [join(tree.root, 'iris', '1'), join(tree.root, 'iris', '11')]
    const modified = new Date(1_700_000_000_000)
    for (const file of ['MLmodel', 'model.onnx']) await utimes(join(from, file), modified, modified)
    await cp(from, to, { recursive: true, preserveTimestamps: true })
    const [original, copy] = await Promise.all(
      ['1', '11'].map((v) => resolveOne(`models:/iris/${v}`)),
    )
    expect(copy?.identity).toBe(original?.identity)
  })

  it.each([
    ['a file is written to', () => tree.write('iris/1/model.onnx', 'other weights')],
    ['a file of the same size is put there', () => touch('iris/1/model.onnx')],
    ['a file is added', () => tree.write('iris/1/code/extra.py', '')],
    ['a file is removed', () => tree.remove('iris/1/model.onnx')],
  ])('has another identity when %s', async (_what, change) => {
    const before = await resolveOne('models:/iris/1')
    await change()
    expect((await resolveOne('models:/iris/1')).identity).not.toBe(before.identity)
  })

  it('that changes while it is looked at is not ready, and is once it rests', async () => {
    registry = new FolderRegistry({ root: tree.root, settleMs: 200 })
    let isCopying = true
    const copying = (async () => {
      for (let bytes = 1; isCopying; bytes++) {
        await tree.write('iris/1/model.onnx', 'x'.repeat(bytes % 1000))
      }
    })()
    const error = await errorOf('models:/iris/1').finally(() => {
      isCopying = false
    })
    await copying
    expect(error.code).toBe('VERSION_NOT_READY')
    expect(error.message).toMatch(/still being written/)
    await expect
      .poll(() => resolveOne('models:/iris/1').catch(() => 'not yet'))
      .toMatchObject({
        version: '1',
      })
  })

  it('whose files are older than that is ready at once', async () => {
    const later = () => Date.now() + 3_600_000
    registry = new FolderRegistry({ root: tree.root, settleMs: 60_000, now: later })
    expect(await resolveOne('models:/iris/1')).toMatchObject({ version: '1' })
  })

  it('may be a link', async () => {
    await symlink(join(tree.root, 'iris', '1'), join(tree.root, 'iris', '12'))
    expect(await resolveOne('models:/iris/latest')).toMatchObject({ version: '12' })
  })
})

describe('aliases.yaml', () => {
  it('may be missing or empty', async () => {
    await tree.setAliases('iris', '')
    expect((await errorOf('models:/iris@champion')).message).toMatch(/it has none/)
    await tree.remove('iris/aliases.yaml')
    expect((await errorOf('models:/iris@champion')).message).toMatch(/it has none/)
  })

  it.each([
    ['champion: [', /cannot be read/],
    ['champion: two', /line 1: expected a version number for champion, got "two"/],
    ['champion: 1\nchallenger:\n', /line 2: expected a version number for challenger, got ""/],
    ['a.b: 1', /line 1: expected an alias .* got "a\.b"/],
    ['champion: 1\nchampion: 2', /unique/],
    ['- champion', /expected lines of <alias>: <version>/],
  ])('%j cannot be read at first: says where', async (text, message) => {
    await tree.setAliases('iris', text)
    const error = await errorOf('models:/iris@champion')
    expect(error.code).toBe('REGISTRY_UNAVAILABLE')
    expect(error.message).toMatch(message)
    expect(await resolveOne('models:/iris/1')).toMatchObject({ version: '1' })
  })

  it('keeps its last good contents while it cannot be read, and says so once', async () => {
    await resolveOne('models:/iris@champion')
    await tree.setAliases('iris', 'champion: 1\nchallenger: [')
    expect(await resolveOne('models:/iris@champion')).toMatchObject({ version: '2' })
    expect(await resolveOne('models:/iris@champion')).toMatchObject({ version: '2' })
    expect(problems).toEqual([expect.stringMatching(/^iris: aliases\.yaml cannot be read/)])
    await tree.setAliases('iris', 'champion: 1')
    expect(await resolveOne('models:/iris@champion')).toMatchObject({ version: '1' })
  })
})

describe('listModels', () => {
  it('gives each model at its champion, else at its highest version', async () => {
    await tree.addVersion('plain', '1')
    await tree.addVersion('other', '1')
    await tree.setAliases('other', 'challenger: 1')
    await tree.addVersion('half', '1')
    await tree.setAliases('half', 'champion: [')
    await tree.write('no-model/notes.txt', 'x')
    await tree.write('README.md', 'x')
    await tree.write('.git/1/MLmodel', 'x')
    const refs = await registry.listModels(signal)
    expect(refs.map(formatModelRef)).toEqual([
      'models:/half@champion',
      'models:/iris@champion',
      'models:/other/latest',
      'models:/plain/latest',
    ])
  })

  it('fails where there is no folder', async () => {
    registry = new FolderRegistry({ root: join(tree.root, 'none') })
    await expect(registry.listModels(signal)).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
    })
  })
})

describe('watch', () => {
  let unwatch = () => {}
  afterEach(() => unwatch())

  /** Models hinted at, once there are some. */
  async function hintsOf(change: () => Promise<void>): Promise<string[]> {
    const hints = new Set<string>()
    unwatch = registry.watch((model) => hints.add(model))
    await change()
    await expect.poll(() => hints.size, { timeout: 5000 }).toBeGreaterThan(0)
    return [...hints]
  }

  it.each([
    ['aliases are written', () => tree.setAliases('iris', 'champion: 1')],
    ['aliases are saved by renaming', () => tree.saveAliases('iris', 'champion: 1')],
    ['a version is added', () => tree.addVersion('iris', '11')],
    ['a version is removed', () => tree.remove('iris/1')],
  ])('hints when %s', async (_what, change) => {
    expect(await hintsOf(change)).toEqual(['iris'])
  })

  it('hints at a model that is new, and at changes in it later', async () => {
    expect(await hintsOf(() => tree.addVersion('new', '1'))).toEqual(['new'])
    unwatch()
    expect(await hintsOf(() => tree.setAliases('new', 'champion: 1'))).toEqual(['new'])
  })

  it('hints at a model whose folder was replaced', async () => {
    const change = async () => {
      await tree.remove('iris')
      await tree.addVersion('iris', '1')
    }
    expect(await hintsOf(change)).toEqual(['iris'])
    expect(await readdir(join(tree.root, 'iris'))).toEqual(['1'])
  })

  it('does nothing where there is no folder', () => {
    registry = new FolderRegistry({ root: join(tree.root, 'none') })
    unwatch = registry.watch(() => {})
  })
})

async function touch(path: string): Promise<void> {
  const later = new Date(Date.now() + 5000)
  await utimes(join(tree.root, path), later, later)
}
