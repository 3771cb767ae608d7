import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { WorkerPoolOptions } from '../../src/engines/worker-pool.ts'
import { fixture, plainManifest, temporaryFolder } from './support/models.ts'
import { count, loadFixture, openPool } from './support/pool.ts'

/** Loads the model that counts, which the example that it was saved with makes slow. */
async function loadSlow(options: Partial<WorkerPoolOptions>, threads?: number) {
  const folder = temporaryFolder()
  onTestFinished(() => rmSync(folder, { recursive: true }))
  copyFileSync(join(fixture('slow'), 'model.onnx'), join(folder, 'model.onnx'))
  writeFileSync(join(folder, 'example.json'), '{"inputs": {"count": [50000]}}')
  const manifest = {
    ...plainManifest({ intraOpThreads: threads }),
    servingInputPath: 'example.json',
  }
  const { pool, witness } = openPool({ workers: undefined, ...options })
  const model = await pool.load(folder, manifest, new AbortController().signal)
  return { model, witness }
}

describe('a model whose runs take long', () => {
  it('gets a worker for each core, on which it runs side by side', async () => {
    const { model, witness } = await loadSlow({ cores: 3 })
    expect(model.parallelism).toBe(3)
    const runs = await Promise.all([1n, 2n, 3n].map((n) => model.run(count(Number(n)))))
    expect(runs.map(({ done }) => done?.data)).toEqual([1n, 2n, 3n].map((n) => BigInt64Array.of(n)))
    await model.unload()
    expect(witness.ended).toHaveLength(3)
  })

  it.each<[string, Partial<WorkerPoolOptions>, number]>([
    ['its share of the cores', { cores: 4, servedModels: () => 2 }, 2],
    ['one where there are more models than cores', { cores: 4, servedModels: () => 5 }, 1],
    ['one on one core', { cores: 1 }, 1],
    ['as many as are asked for', { cores: 4, workers: 2 }, 2],
    ['one where workers are shared', { cores: 4, placement: 'shared' }, 1],
  ])('gets %s', async (_, options, workers) => {
    expect((await loadSlow(options)).model.parallelism).toBe(workers)
  })

  it('gets fewer where its own options ask for threads inside an operator', async () => {
    expect((await loadSlow({ cores: 4 }, 2)).model.parallelism).toBe(2)
  })
})

describe('of many small models', () => {
  it('none has a worker that the others do not share, whichever came first', async () => {
    const { pool, witness } = openPool({ cores: 2, servedModels: () => 4 })
    const models = ['affine-1', 'affine-2', 'affine-1', 'affine-2']
    for (const name of models) await loadFixture(pool, name)
    expect(witness.threads).toHaveLength(2)
  })

  it('each has its own where there are as many as cores', async () => {
    const { pool, witness } = openPool({ cores: 2, servedModels: () => 2 })
    for (const name of ['affine-1', 'affine-2']) await loadFixture(pool, name)
    const successor = await loadFixture(pool, 'affine-1')
    expect(witness.threads).toHaveLength(3)
    await successor.unload()
    expect(witness.ended).toHaveLength(1)
  })
})
