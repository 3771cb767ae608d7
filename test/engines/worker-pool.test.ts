import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NamedTensors } from '../../src/model/tensor.ts'
import { fixture, manifestOf, plainManifest, temporaryFolder } from './support/models.ts'
import { identity, ONNX_TYPES, writeOnnx } from './support/onnx-file.ts'
import { count, loadFixture, openPool, rows } from './support/pool.ts'

const unsignalled = new AbortController().signal

function firstRow(outputs: NamedTensors): number[] {
  const [first, second] = outputs.y?.data ?? []
  return [Number(first), Number(second)].map((value) => +value.toFixed(4))
}

describe('a loaded model', () => {
  it('tells its inputs and outputs, and how long it took to load and to run', async () => {
    const { pool } = openPool()
    const { info, parallelism } = await loadFixture(pool, 'two-inputs')
    expect(info).toEqual({
      engine: 'onnxruntime',
      inputs: [
        { name: 'a', dtype: 'float32', shape: [-1, 2] },
        { name: 'b', dtype: 'int64', shape: [-1] },
      ],
      outputs: [
        { name: 'sum', dtype: 'float32', shape: [-1, 2] },
        { name: 'b2', dtype: 'int64', shape: [-1] },
      ],
      loadMs: expect.any(Number),
      warmupMs: expect.any(Number),
    })
    expect(parallelism).toBe(1)
  })

  it('runs in a worker, where the library does not report to anybody', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    expect(firstRow(await model.run(rows([0, 1, 2, 3])))).toEqual([2.4, 3])
    expect(witness.threads).toHaveLength(1)
    expect(process.env.ORT_DISABLE_TELEMETRY).toBe('1')
  })

  it('passes text', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'strings')
    const text = { dtype: 'string', shape: [2], data: ['one', 'zwei'] } as const
    expect(await model.run({ text })).toEqual({ same: text })
  })

  it('takes large buffers over instead of copying them, and gives its own away', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const batch = rows(...Array.from({ length: 1024 }, (_, i) => [i, 0, 0, 0]))
    const { y } = await model.run(batch)
    expect(batch.x.data).toHaveLength(0)
    expect(y?.data).toHaveLength(2048)
    expect(y?.data.at(-1)).toBeCloseTo(103.3)
  })

  it('answers each of many runs with its own rows, in order', async () => {
    const { pool } = openPool()
    const one = await loadFixture(pool, 'affine-1')
    const two = await loadFixture(pool, 'affine-2')
    const order: number[] = []
    const runs = Array.from({ length: 60 }, async (_, i) => {
      const model = i % 2 === 0 ? one : two
      const outputs = await model.run(rows([i, 0, 0, 0]))
      if (model === one) order.push(i)
      expect(firstRow(outputs)).toEqual([1 + (i % 2), +(1 + (i % 2) + i / 10).toFixed(4)])
    })
    await Promise.all(runs)
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(order).toHaveLength(30)
  })

  it('refuses runs after it was unloaded, and may be unloaded twice', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    await Promise.all([model.unload(), model.unload()])
    await expect(model.run(rows([0, 1, 2, 3]))).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('explains a run that fails, and stays usable', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const wrong = { x: { dtype: 'float32', shape: [1, 3], data: new Float32Array(3) } } as const
    await expect(model.run(wrong)).rejects.toMatchObject({
      name: 'ServingError',
      code: 'MODEL_FAILED',
      message: expect.stringContaining('Got: 3 Expected: 4'),
    })
    expect(firstRow(await model.run(rows([0, 1, 2, 3])))).toEqual([2.4, 3])
  })
})

describe('placement', () => {
  it('gives a model the number of workers it asks for, which run at the same time', async () => {
    const { pool, witness } = openPool()
    const model = await pool
      .withOptions({ workers: 2 })
      .load(fixture('slow'), manifestOf(fixture('slow')), unsignalled)
    expect(model.parallelism).toBe(2)
    expect(witness.threads).toHaveLength(2)
    const finished: string[] = []
    await Promise.all([
      model.run(count(400_000)).then(() => finished.push('long')),
      model.run(count(1)).then(() => finished.push('short')),
    ])
    expect(finished).toEqual(['short', 'long'])
  })

  it('ends a worker with the last model on it', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const one = await loadFixture(pool, 'affine-1')
    const two = await loadFixture(pool, 'affine-2')
    expect(witness.started).toBe(1)
    await one.unload()
    expect(witness.ended).toEqual([])
    expect(firstRow(await two.run(rows([0, 1, 2, 3])))).toEqual([3.4, 4])
    await two.unload()
    expect(witness.ended).toMatchObject([{ end: 'closed' }])
  })

  it('lets models that share a worker take turns, however many runs one of them has', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const greedy = await loadFixture(pool, 'affine-1')
    const modest = await loadFixture(pool, 'affine-2')
    const finished: string[] = []
    const many = Array.from({ length: 20 }, () =>
      greedy.run(rows([0, 0, 0, 0])).then(() => finished.push('greedy')),
    )
    const few = Array.from({ length: 3 }, () =>
      modest.run(rows([0, 0, 0, 0])).then(() => finished.push('modest')),
    )
    await Promise.all([...many, ...few])
    expect(witness.started).toBe(1)
    expect(finished.slice(0, 6)).toEqual([
      'greedy',
      'modest',
      'greedy',
      'modest',
      'greedy',
      'modest',
    ])
  })

  it('gives a small model beyond the cores the worker with the fewest models', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 2 })
    for (let i = 0; i < 6; i++) await loadFixture(pool, 'affine-1')
    expect(witness.started).toBe(2)
  })
})

describe('a load that fails', () => {
  it('leaves nothing behind', async () => {
    const { pool, witness } = openPool()
    await expect(loadFixture(pool, 'sequence-output')).rejects.toMatchObject({
      name: 'ServingError',
      code: 'MODEL_UNSUPPORTED',
    })
    expect(witness.ended).toMatchObject([{ end: 'closed' }])
  })

  it('leaves those that share the worker as they were', async () => {
    const { pool } = openPool({ placement: 'shared', cores: 1 })
    const model = await loadFixture(pool, 'affine-1')
    await expect(loadFixture(pool, 'sequence-output')).rejects.toThrow()
    expect(firstRow(await model.run(rows([0, 1, 2, 3])))).toEqual([2.4, 3])
  })

  it('says so where the folder is gone, without its path', async () => {
    const { pool, witness } = openPool()
    const folder = join(temporaryFolder(), 'gone')
    await expect(pool.load(folder, plainManifest(), unsignalled)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'The model folder cannot be read',
    })
    expect(witness.started).toBe(0)
  })

  it('says so where the folder has no such file', async () => {
    const { pool } = openPool()
    const folder = temporaryFolder()
    onTestFinished(() => rmSync(folder, { recursive: true }))
    await expect(pool.load(folder, plainManifest(), unsignalled)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.not.stringContaining(folder),
    })
  })

  it('is a load that was given up: at once, and the worker is left when it is through', async () => {
    const { pool, witness } = openPool()
    const giveUp = new AbortController()
    const loading = loadFixture(pool, 'affine-1', giveUp.signal)
    const started = Date.now()
    while (witness.started === 0 && Date.now() - started < 5000) await new Promise(setImmediate)
    giveUp.abort(new Error('no longer wanted'))
    await expect(loading).rejects.toThrow('no longer wanted')
    expect(await pool.close(10_000)).toBe(0)
    expect(witness.ended).toMatchObject([{ end: 'closed' }])
  })

  it('is not begun when it was given up before', async () => {
    const { pool, witness } = openPool()
    await expect(loadFixture(pool, 'affine-1', AbortSignal.abort(new Error('no')))).rejects.toThrow(
      'no',
    )
    expect(witness.started).toBe(0)
  })
})

describe('warm-up', () => {
  function folderWith(model: string, example?: string): string {
    const folder = temporaryFolder()
    onTestFinished(() => rmSync(folder, { recursive: true }))
    copyFileSync(join(fixture(model), 'model.onnx'), join(folder, 'model.onnx'))
    if (example !== undefined) writeFileSync(join(folder, 'example.json'), example)
    return folder
  }
  const manifest = { ...plainManifest(), servingInputPath: 'example.json' }

  it('runs the request that was saved with the model', async () => {
    const { pool } = openPool()
    const folder = folderWith('affine-1', '{"inputs": {"x": [[0.0, 1.0, 2.0, 3.0]]}}')
    const { info } = await pool.load(folder, manifest, unsignalled)
    expect(info.warmupMs).toBeGreaterThan(0)
  })

  it('lets the worker read a large one', async () => {
    const { pool } = openPool()
    const many = JSON.stringify(Array.from({ length: 8000 }, () => [0.5, 1.5, 2.5, 3.5]))
    const { info } = await pool.load(
      folderWith('affine-1', `{"inputs": {"x": ${many}}}`),
      manifest,
      unsignalled,
    )
    expect(info.warmupMs).toBeGreaterThan(0)
    const wrong = folderWith('affine-1', `{"inputs": {"y": ${many}}}`)
    await expect(pool.load(wrong, manifest, unsignalled)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringContaining('example.json'),
    })
  })

  it('fails the load where the model fails on it', async () => {
    const { pool } = openPool()
    const folder = folderWith('affine-1', '{"inputs": {"x": [[0.0, 1.0, 2.0]]}}')
    await expect(pool.load(folder, manifest, unsignalled)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringMatching(/example\.json.*Got: 3 Expected: 4/),
    })
  })

  it('fails the load where it cannot be read', async () => {
    const { pool } = openPool()
    const folder = folderWith('affine-1', '{"inputs": ')
    await expect(pool.load(folder, manifest, unsignalled)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringContaining('example.json'),
    })
  })

  it('runs zeros where there is no example and only the batch is free', async () => {
    const { pool } = openPool()
    const { info } = await pool.load(folderWith('affine-1'), manifest, unsignalled)
    expect(info.warmupMs).toBeGreaterThan(0)
  })

  it('does not mind a model that cannot take zeros', async () => {
    const { pool } = openPool()
    const folder = folderWith('affine-1')
    // x times itself: a batch of one row does not fit.
    writeOnnx(folder, {
      inputs: [{ name: 'x', type: ONNX_TYPES.float32, shape: ['n', 4] }],
      outputs: [{ name: 'y', type: ONNX_TYPES.float32, shape: ['n', 4] }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'x'], outputs: ['y'] }],
    })
    const model = await pool.load(folder, plainManifest(), unsignalled)
    expect(model.info.warmupMs).toBeUndefined()
    const four = rows([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1])
    expect(await model.run(four)).toMatchObject({ y: { shape: [4, 4] } })
  })

  it('is left out where more than the batch is free', async () => {
    const { pool } = openPool()
    const folder = folderWith('affine-1')
    writeOnnx(folder, identity(ONNX_TYPES.float32, ['n', 'width']))
    const { info } = await pool.load(folder, plainManifest(), unsignalled)
    expect(info.warmupMs).toBeUndefined()
  })
})

describe('closing', () => {
  it('finishes what runs, ends every thread and takes no more models', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'slow')
    const running = model.run(count(200_000))
    expect(await pool.close(10_000)).toBe(0)
    expect(await running).toMatchObject({ done: { data: BigInt64Array.of(200_000n) } })
    expect(witness.threads.map((thread) => thread.threadId)).toEqual([-1])
    await expect(loadFixture(pool, 'affine-1')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  })
})
