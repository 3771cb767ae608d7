import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ModelVersion } from '../../src/interfaces.ts'
import { FolderGlances } from '../../src/registry/folder-glances.ts'
import { ModelTree } from './model-tree.ts'

const MINUTE = 60_000
let tree: ModelTree
let now: number
let looks: number
let glances: FolderGlances

beforeEach(async () => {
  tree = await ModelTree.make()
  await tree.addVersion('iris', '1')
  await tree.setAliases('iris', 'champion: 1\n')
  // Long after the files were written.
  now = Date.now() + MINUTE
  looks = 0
  glances = new FolderGlances({ validMs: 30_000, settleMs: 1000, now: () => now })
})

afterEach(() => tree.remove('.'))

async function look(): Promise<ModelVersion> {
  looks += 1
  return { name: 'iris', version: '1', source: '', identity: `look ${looks}` }
}

async function poll(): Promise<string> {
  const { identity } = await glances.answer(join(tree.root, 'iris'), 'champion', look)
  return identity
}

/** The first look, after which the answer is remembered. */
async function settle(): Promise<void> {
  expect(await poll()).toBe('look 1')
}

it('is remembered while nothing changes, until it has aged', async () => {
  await settle()
  now += 29_999
  expect(await poll()).toBe('look 1')
  now += 1
  expect(await poll()).toBe('look 2')
  expect(await poll()).toBe('look 2')
})

it.each([
  ['the aliases are written', () => tree.setAliases('iris', 'champion: 1 \n')],
  ['the aliases are replaced', () => tree.saveAliases('iris', 'champion: 1\n')],
  ['the aliases are removed', () => tree.remove('iris/aliases.yaml')],
  ['another version comes', () => tree.addVersion('iris', '2')],
  ['a file of the version is removed', () => tree.remove('iris/1/model.onnx')],
  ['a file is added to the version', () => tree.write('iris/1/note', '')],
])('is looked up again when %s', async (_what, change) => {
  await settle()
  await change()
  expect(await poll()).toBe('look 2')
})

it('is not remembered while a change may still hide in the same tick of the clock', async () => {
  now = Date.now()
  await settle()
  expect(await poll()).toBe('look 2')
})

it('is not remembered when something changed while it was looked up', async () => {
  const meddle = async () => {
    await tree.setAliases('iris', 'champion: 2\n')
    return look()
  }
  // The clock of the file system goes with the real one.
  now = Date.now() + 900
  await glances.answer(join(tree.root, 'iris'), 'champion', meddle)
  expect(await poll()).toBe('look 2')
})

it('is looked up again, and may fail, when its version is gone', async () => {
  await settle()
  await tree.remove('iris/1')
  const missing = glances.answer(join(tree.root, 'iris'), 'champion', async () => {
    await readdir(join(tree.root, 'iris', '1'))
    return look()
  })
  await expect(missing).rejects.toThrow('ENOENT')
})

it('is never remembered where that is not asked for', async () => {
  glances = new FolderGlances({ validMs: 0, settleMs: 1000, now: () => now })
  await settle()
  expect(await poll()).toBe('look 2')
})
