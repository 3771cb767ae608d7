import { describe, expect, it } from 'vitest'
import { tfjsNodeFailure } from '../../../src/engines/tfjs/tfjs-node.ts'
import type { TfjsBackend } from '../../../src/model/flavor.ts'
import type { Tensor } from '../../../src/model/tensor.ts'
import { CPU, fixture, manifestOf } from '../support/models.ts'
import { openPool } from '../support/pool.ts'
import { FIXTURES, feedsFrom, kerasAnswers, maxError, tfjsManifest } from './support/fixtures.ts'

const { signal } = new AbortController()

describe('the backend', () => {
  it('is wasm where nobody says otherwise', async () => {
    const { pool } = openPool()
    const { info } = await pool.load(FIXTURES, tfjsManifest('mlp'), signal)
    expect(info).toMatchObject({ engine: 'tfjs', backend: 'wasm' })
    expect(info.missingKernel).toBeUndefined()
  })

  it.each<[string, TfjsBackend | undefined, TfjsBackend | undefined, string]>([
    ['the one that the flavor names', 'cpu', undefined, 'cpu'],
    ['the one that the settings name, over the flavor', 'wasm', 'cpu', 'cpu'],
  ])('is %s', async (_, flavor, tfjsBackend, backend) => {
    const { pool } = openPool({ engine: { ...CPU, tfjsBackend } })
    const { info } = await pool.load(FIXTURES, tfjsManifest('mlp', 'graph-model', flavor), signal)
    expect(info.backend).toBe(backend)
  })

  it('is cpu, in a fresh worker, where wasm lacks a kernel, which is named', async () => {
    const { pool, witness } = openPool()
    const model = await pool.load(FIXTURES, tfjsManifest('letters'), signal)
    expect(model.info).toMatchObject({ backend: 'cpu', missingKernel: 'StaticRegexReplace' })
    expect(witness.started).toBe(2)
    expect(witness.ended).toHaveLength(1)
    const recorded = kerasAnswers('letters')
    expect(maxError(recorded, await model.run(feedsFrom(recorded, model.info.inputs)))).toBe(0)
  })

  it('stays wasm where that was asked for, and the model is refused', async () => {
    const { pool } = openPool()
    const manifest = tfjsManifest('letters', 'graph-model', 'wasm')
    await expect(pool.load(FIXTURES, manifest, signal)).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/lacks the kernel StaticRegexReplace.*--tfjs-backend cpu/),
    })
  })

  it('may differ between models that share a worker', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const models = await Promise.all(
      (['wasm', 'cpu'] as const).map((backend) =>
        pool.load(FIXTURES, tfjsManifest('mlp', 'graph-model', backend), signal),
      ),
    )
    expect(witness.started).toBe(1)
    const recorded = kerasAnswers('mlp')
    for (const model of [...models, ...models]) {
      const outputs = await model.run(feedsFrom(recorded, model.info.inputs))
      expect(maxError(recorded, outputs)).toBeLessThan(1e-6)
    }
  })
})

describe('workers', () => {
  it('are shared with models of the same engine only', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const onnx = fixture('affine-1')
    await pool.load(FIXTURES, tfjsManifest('mlp'), signal)
    await pool.load(onnx, manifestOf(onnx), signal)
    await pool.load(FIXTURES, tfjsManifest('cnn'), signal)
    expect(witness.started).toBe(2)
  })

  it('end with their last model, which gives the heap of wasm back', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const first = await pool.load(FIXTURES, tfjsManifest('mlp'), signal)
    const second = await pool.load(FIXTURES, tfjsManifest('cnn'), signal)
    await first.unload()
    expect(witness.ended).toEqual([])
    await second.unload()
    expect(witness.ended).toMatchObject([{ end: 'closed' }])
  })
})

describe('a request', () => {
  it.each<[string, Tensor]>([
    ['of another element type', { dtype: 'int32', shape: [1, 32], data: new Int32Array(32) }],
    ['of another shape', { dtype: 'float32', shape: [1, 31], data: new Float32Array(31) }],
  ])('%s fails, and the model serves on', async (_, features) => {
    const { pool } = openPool()
    const model = await pool.load(FIXTURES, tfjsManifest('mlp'), signal)
    await expect(model.run({ features })).rejects.toMatchObject({ code: 'MODEL_FAILED' })
    const recorded = kerasAnswers('mlp')
    const outputs = await model.run(feedsFrom(recorded, model.info.inputs))
    expect(maxError(recorded, outputs)).toBeLessThan(1e-6)
  })

  it('may have no rows', async () => {
    const { pool } = openPool()
    const model = await pool.load(
      FIXTURES,
      tfjsManifest('two-by-two', 'graph-model', 'cpu'),
      signal,
    )
    const outputs = await model.run({
      amounts: { dtype: 'float32', shape: [0, 2], data: new Float32Array() },
      kind: { dtype: 'int32', shape: [0], data: new Int32Array() },
    })
    expect(outputs.product?.shape).toEqual([0, 2])
  })
})

describe('tfjs-node', () => {
  it('that is not installed is told from one whose install script did not run', () => {
    const missing = Object.assign(new Error("Cannot find package '@tensorflow/tfjs-node'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    expect(tfjsNodeFailure(missing).message).toContain('is not installed')
    const unbuilt = Object.assign(
      new Error(
        "Cannot find module '/app/node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node'",
      ),
      { code: 'MODULE_NOT_FOUND' },
    )
    expect(tfjsNodeFailure(unbuilt).message).toMatch(/install script did not run.*npm rebuild/)
    expect(tfjsNodeFailure(new Error('GLIBC_2.99 not found')).message).toContain('GLIBC_2.99')
  })
})
