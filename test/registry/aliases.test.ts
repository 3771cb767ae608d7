import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REGISTRY_FAILURES } from '../../src/mlflow/failures.ts'
import { MlflowHttp } from '../../src/mlflow/http.ts'
import type { AliasAdmin } from '../../src/registry/alias-admin.ts'
import { editAliases, parseAliases } from '../../src/registry/aliases-file.ts'
import { FolderAliases } from '../../src/registry/folder-aliases.ts'
import { MlflowAliases } from '../../src/registry/mlflow-aliases.ts'
import { MlflowClient } from '../../src/registry/mlflow-client.ts'
import type { TestServer } from '../mlflow/test-server.ts'
import { FakeMlflow } from './fake-mlflow.ts'
import { ModelTree } from './model-tree.ts'

const { signal } = new AbortController()
let tree: ModelTree
let mlflow: FakeMlflow
let server: TestServer

beforeEach(async () => {
  tree = await ModelTree.make()
  await tree.addVersion('iris', '1')
  await tree.addVersion('iris', '2')
  await tree.setAliases('iris', '# who serves\nchampion: 1 # for now\nchallenger: 2\n')
  mlflow = new FakeMlflow()
  server = await mlflow.start()
  mlflow.addVersion('iris', '1', 's3://b/1')
  mlflow.addVersion('iris', '2', 's3://b/2')
  mlflow.setAlias('iris', 'champion', '1')
  mlflow.setAlias('iris', 'challenger', '2')
})

afterEach(async () => {
  await server.stop()
  await tree.remove('.')
})

const kinds: [string, () => AliasAdmin][] = [
  ['a folder', () => new FolderAliases(tree.root)],
  [
    'MLflow',
    () =>
      new MlflowAliases(new MlflowClient(new MlflowHttp({ uri: server.url }, REGISTRY_FAILURES))),
  ],
]

describe.each(kinds)('aliases of %s', (_kind, open) => {
  async function list(): Promise<string[]> {
    const aliases = await open().listAliases('iris', signal)
    return aliases.map(({ alias, version }) => `${alias}=${version}`)
  }

  it('are listed', async () => {
    expect(await list()).toEqual(['champion=1', 'challenger=2'])
  })

  it('are moved, added and deleted', async () => {
    const admin = open()
    await admin.setAlias('iris', 'champion', '2', signal)
    await admin.setAlias('iris', 'next_one', '1', signal)
    await admin.deleteAlias('iris', 'challenger', signal)
    expect(await list()).toEqual(['champion=2', 'next_one=1'])
  })

  it.each(['latest', 'LATEST', 'v1', 'V12', 'a.b', '', 'x'.repeat(256)])(
    'may not be called %j',
    async (alias) => {
      await expect(open().setAlias('iris', alias, '1', signal)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })
    },
  )

  it('name only versions that are there', async () => {
    const failure = open().setAlias('iris', 'champion', '9', signal)
    await expect(failure).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
    await expect(failure).rejects.toThrow(/9.*newest.*2/)
    expect(await list()).toEqual(['champion=1', 'challenger=2'])
  })

  it('are not deleted twice', async () => {
    const failure = open().deleteAlias('iris', 'gone', signal)
    await expect(failure).rejects.toMatchObject({ code: 'ALIAS_NOT_FOUND' })
    await expect(failure).rejects.toThrow(/its aliases are champion, challenger/)
  })

  it('need a model', async () => {
    const code = 'MODEL_NOT_FOUND'
    const admin = open()
    await expect(admin.listAliases('nope', signal)).rejects.toMatchObject({ code })
    await expect(admin.setAlias('nope', 'a', '1', signal)).rejects.toMatchObject({ code })
    await expect(admin.deleteAlias('nope', 'a', signal)).rejects.toMatchObject({ code })
  })
})

describe('the file', () => {
  const file = () => readFile(join(tree.root, 'iris', 'aliases.yaml'), 'utf8')

  it('keeps its comments', async () => {
    await new FolderAliases(tree.root).setAlias('iris', 'champion', '2')
    expect(await file()).toBe('# who serves\nchampion: 2 # for now\nchallenger: 2\n')
  })

  it('keeps the comment at its head when the first alias goes', async () => {
    await new FolderAliases(tree.root).deleteAlias('iris', 'champion')
    expect(await file()).toMatch(/^# who serves\n\s*challenger: 2\n$/)
  })

  it('may lose its last alias', async () => {
    const aliases = new FolderAliases(tree.root)
    await aliases.deleteAlias('iris', 'champion')
    await aliases.deleteAlias('iris', 'challenger')
    expect(await aliases.listAliases('iris')).toEqual([])
  })

  it('is made where there was none, and nothing else is left beside it', async () => {
    await tree.remove('iris/aliases.yaml')
    await new FolderAliases(tree.root).setAlias('iris', 'champion', '1')
    expect(await file()).toBe('champion: 1\n')
    expect(await readdir(join(tree.root, 'iris'))).toEqual(['1', '2', 'aliases.yaml'])
  })

  it('is left alone when it cannot be read', async () => {
    await tree.setAliases('iris', 'champion: [')
    const failure = new FolderAliases(tree.root).setAlias('iris', 'champion', '2')
    await expect(failure).rejects.toThrow(/aliases\.yaml cannot be read/)
    expect(await file()).toBe('champion: [')
  })

  it('never shows a reader half a text', async () => {
    const aliases = new FolderAliases(tree.root)
    let writing = true
    const reading = (async () => {
      const seen = new Set<string>()
      while (writing) seen.add(parseAliases(await file()).get('champion') ?? 'none')
      return seen
    })()
    for (let turn = 0; turn < 20; turn++)
      await aliases.setAlias('iris', 'champion', `${1 + (turn % 2)}`)
    writing = false
    expect([...(await reading)].sort()).toEqual(['1', '2'])
  })

  it('reads back what was set, and nothing else changes', () => {
    const alias = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/)
    const table = fc.dictionary(alias, fc.stringMatching(/^\d{1,4}$/), { noNullPrototype: true })
    fc.assert(
      fc.property(table, alias, fc.stringMatching(/^\d{1,4}$/), (before, name, version) => {
        let text = '# head\n'
        for (const [key, value] of Object.entries(before)) text = editAliases(text, key, value)
        const edited = parseAliases(editAliases(text, name, version))
        expect(Object.fromEntries(edited)).toEqual({ ...before, [name]: version })
        const deleted = parseAliases(editAliases(editAliases(text, name, version), name, undefined))
        const { [name]: _gone, ...rest } = before
        expect(Object.fromEntries(deleted)).toEqual(rest)
      }),
    )
  })
})
