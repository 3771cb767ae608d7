import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { onnxEngine } from '../../src/engines/onnx-engine.ts'
import type { ServingError } from '../../src/errors.ts'
import type { EngineModel } from '../../src/interfaces.ts'
import type { ModelManifest } from '../../src/model/mlmodel.ts'
import { DTYPES, type DType, type Tensor } from '../../src/model/tensor.ts'
import { CPU, fixture, plainManifest, temporaryFolder } from './support/models.ts'
import { identity, ONNX_TYPES, writeOnnx } from './support/onnx-file.ts'

const folders: string[] = []
const models: EngineModel[] = []

function newFolder(): string {
  const folder = temporaryFolder()
  folders.push(folder)
  return folder
}

async function load(folder: string, manifest: ModelManifest = plainManifest(), options = CPU) {
  const model = await onnxEngine.load(folder, manifest, options)
  models.push(model)
  return model
}

async function refusal(folder: string, options = CPU): Promise<ServingError> {
  return await load(folder, plainManifest(), options).then(
    () => expect.fail('the model was loaded'),
    (error: ServingError) => error,
  )
}

afterEach(async () => {
  for (const model of models.splice(0)) await model.release()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

describe('loading', () => {
  it('reports inputs and outputs in their order, with -1 where a dimension is symbolic', async () => {
    const { inputs, outputs } = await load(fixture('two-inputs'))
    expect(inputs).toEqual([
      { name: 'a', dtype: 'float32', shape: [-1, 2] },
      { name: 'b', dtype: 'int64', shape: [-1] },
    ])
    expect(outputs).toEqual([
      { name: 'sum', dtype: 'float32', shape: [-1, 2] },
      { name: 'b2', dtype: 'int64', shape: [-1] },
    ])
  })

  it('reports fixed dimensions as they are', async () => {
    const { inputs } = await load(fixture('fixed-batch'))
    expect(inputs[0]?.shape).toEqual([1, 4])
  })

  it('finds weights in a file beside the model', async () => {
    const model = await load(fixture('external-data'))
    const x = new Float32Array(16).fill(1)
    const [input] = model.inputs
    const { y } = await model.run({
      [input?.name ?? '']: { dtype: 'float32', shape: [1, 16], data: x },
    })
    expect(y?.shape).toEqual([1, 32])
    expect(y?.data[0]).toBeCloseTo(12)
  })

  it('takes every session option that a flavor can have', async () => {
    const manifest = plainManifest({
      intraOpThreads: 2,
      interOpThreads: 2,
      executionMode: 'parallel',
      graphOptimizationLevel: 'basic',
      extraSessionConfig: { 'session.set_denormal_as_zero': '1' },
    })
    const model = await load(fixture('affine-1'), manifest)
    const data = Float32Array.of(0, 1, 2, 3)
    const { y } = await model.run({ x: { dtype: 'float32', shape: [1, 4], data } })
    expect(Array.from(y?.data as Float32Array)).toEqual([
      expect.closeTo(2.4, 5),
      expect.closeTo(3, 5),
    ])
  })
})

describe('refusing', () => {
  it('says which converter option turns a sequence of maps into tensors', async () => {
    const error = await refusal(fixture('sequence-output'))
    expect(error.code).toBe('MODEL_UNSUPPORTED')
    expect(error.message).toContain('"maps"')
    expect(error.message).toContain("'zipmap': False")
  })

  it.each([
    ['bfloat16', ONNX_TYPES.bfloat16, 'bfloat16'],
    ['float8e4m3fn', ONNX_TYPES.float8e4m3fn, 'float8e4m3fn'],
    ['complex64', ONNX_TYPES.complex64, 'complex64'],
  ])('names the element type %s', async (_, type, name) => {
    const folder = newFolder()
    const opset = type === ONNX_TYPES.float8e4m3fn ? { opset: 21, irVersion: 10 } : {}
    writeOnnx(folder, { ...identity(type), ...opset })
    const error = await refusal(folder)
    expect(error).toMatchObject({ code: 'MODEL_UNSUPPORTED' })
    expect(error.message).toContain(name)
  })

  it.each([
    ['an opset from the future', { opset: 99 }, /Opset 99/],
    ['an IR version from the future', { irVersion: 99 }, /IR version: 99/],
    [
      'an operator nobody knows',
      { nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }] },
      /No Op registered for Frobnicate/,
    ],
    [
      'a domain nobody knows',
      { nodes: [{ op: 'Foo', inputs: ['x'], outputs: ['y'], domain: 'com.acme' }] },
      /com\.acme:Foo/,
    ],
  ])('calls %s unsupported, in words of ONNX Runtime', async (_, change, words) => {
    const folder = newFolder()
    writeOnnx(folder, { ...identity(ONNX_TYPES.float32), ...change })
    expect(await refusal(folder)).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(words),
    })
  })

  it.each([
    [
      'no model at all',
      (at: string) => writeFileSync(at, 'not a model'),
      /Protobuf parsing failed/,
    ],
    ['an empty file', (at: string) => writeFileSync(at, ''), /does not have a graph/],
    ['no file', () => {}, /File doesn't exist: model\.onnx/],
    [
      'a graph that does not hang together',
      (at: string) =>
        writeOnnx(join(at, '..'), {
          ...identity(ONNX_TYPES.float32),
          nodes: [{ op: 'Identity', inputs: ['nowhere'], outputs: ['y'] }],
        }),
      /nowhere/,
    ],
    [
      'weights left behind',
      (at: string) => copyFileSync(join(fixture('external-data'), 'model.onnx'), at),
      /External data path/,
    ],
  ])('calls %s invalid', async (_, prepare, words) => {
    const folder = newFolder()
    prepare(join(folder, 'model.onnx'))
    expect(await refusal(folder)).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(words),
    })
  })

  it('keeps the folder and the sources of ONNX Runtime out of the message', async () => {
    const folder = newFolder()
    for (const change of [{ opset: 99 }, { irVersion: 99 }]) {
      writeOnnx(folder, { ...identity(ONNX_TYPES.float32), ...change })
      const { message } = await refusal(folder)
      expect(message).not.toContain(folder)
      expect(message).not.toMatch(/onnxruntime_src|std::|\.(cc|h):\d/)
    }
    copyFileSync(join(fixture('external-data'), 'model.onnx'), join(folder, 'model.onnx'))
    const { message } = await refusal(folder)
    expect(message).not.toContain(folder)
  })

  it('says what device cuda needs where this build cannot use it', async () => {
    const error = await refusal(fixture('affine-1'), { ...CPU, device: 'cuda' })
    expect(error.code).toBe('LOAD_FAILED')
    expect(error.message).toMatch(/Device cuda was asked for.*CUDA provider as docs\/gpu.md/)
  })
})

describe('running', () => {
  const numbers: Partial<Record<DType, readonly number[]>> = {
    bool: [0, 1],
    float16: [0x3c00, 0xc000],
    float32: [-1.5, Number.NaN],
    float64: [Math.PI, Number.POSITIVE_INFINITY],
  }

  it.each(Object.keys(DTYPES) as DType[])('passes %s in and out unchanged', async (dtype) => {
    const folder = newFolder()
    writeOnnx(folder, identity(ONNX_TYPES[dtype]))
    const model = await load(folder)
    const x: Tensor = { dtype, shape: [2], data: sample(dtype) }
    expect(await model.run({ x })).toEqual({ y: { dtype, shape: [2], data: sample(dtype) } })
  })

  function sample(dtype: DType): Tensor['data'] {
    if (dtype === 'string') return ['', 'naïve 漢字']
    const { array } = DTYPES[dtype]
    if (array === BigInt64Array) return BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)
    if (array === BigUint64Array) return BigUint64Array.of(0n, 2n ** 64n - 1n)
    return (array as typeof Float64Array).from(numbers[dtype] ?? [1, 127])
  }

  it('answers an empty batch', async () => {
    const model = await load(fixture('affine-1'))
    const x: Tensor = { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }
    expect(await model.run({ x })).toMatchObject({ y: { shape: [0, 2] } })
  })

  it.each([
    [
      'another element type',
      { dtype: 'float64', shape: [1, 4], data: new Float64Array(4) },
      /double/,
    ],
    [
      'another shape',
      { dtype: 'float32', shape: [1, 3], data: new Float32Array(3) },
      /Got: 3 Expected: 4/,
    ],
    ['another rank', { dtype: 'float32', shape: [4], data: new Float32Array(4) }, /Invalid rank/],
  ] as [string, Tensor, RegExp][])('explains %s, and stays usable', async (_, x, words) => {
    const model = await load(fixture('affine-1'))
    await expect(model.run({ x })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringMatching(words),
    })
    const good: Tensor = { dtype: 'float32', shape: [1, 4], data: new Float32Array(4) }
    expect(await model.run({ x: good })).toMatchObject({ y: { shape: [1, 2] } })
  })

  it('refuses text that the library would cut at a NUL', async () => {
    const model = await load(fixture('strings'))
    const text: Tensor = { dtype: 'string', shape: [2], data: ['whole', 'cut\0off'] }
    await expect(model.run({ text })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringMatching(/"text".*element 1/),
    })
  })

  it('names an input that is missing', async () => {
    const model = await load(fixture('two-inputs'))
    const a: Tensor = { dtype: 'float32', shape: [1, 2], data: new Float32Array(2) }
    await expect(model.run({ a })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringContaining("'b'"),
    })
  })
})
