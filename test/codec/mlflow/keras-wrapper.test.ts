import { describe, expect, it } from 'vitest'
import type { ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import { createScoringCodec } from '../../../src/codec/mlflow/scoring.ts'
import type { NamedTensors, Tensor, TensorSpec } from '../../../src/model/tensor.ts'

const OPTIONS = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 900,
  maxColumns: 1000,
  maxMemoryBytes: 1e9,
}

function codecOf(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]) {
  const contract: ModelContract = { signature: undefined, inputs, outputs, wrapper: 'keras' }
  const codec = createScoringCodec(contract, OPTIONS)
  return {
    async feeds(body: unknown): Promise<NamedTensors> {
      return (await read(codec, body)).feeds
    },
    async answer(body: unknown, answered: NamedTensors): Promise<unknown> {
      const { answer } = await read(codec, body)
      return JSON.parse(`${codec.encode(answer, answered)}`)
    },
  }
}

function read(codec: ReturnType<typeof createScoringCodec>, body: unknown) {
  return codec.decode('application/json', new TextEncoder().encode(JSON.stringify(body)))
}

function floats(shape: readonly number[], ...values: number[]): Tensor {
  return { dtype: 'float32', shape, data: Float32Array.from(values) }
}

const X: TensorSpec = { name: 'x', dtype: 'float32', shape: [-1, 2] }
const Y: TensorSpec = { name: 'y', dtype: 'float32', shape: [-1, 2] }

describe('what a Keras model is fed', () => {
  it('casts whole numbers to the floats of the input', async () => {
    const { x } = await codecOf([X], [Y]).feeds({ inputs: [[1, 2]] })
    expect(x).toEqual(floats([1, 2], 1, 2))
  })

  it('casts floats to the whole numbers of the input, towards zero', async () => {
    const ids: TensorSpec = { name: 'ids', dtype: 'int32', shape: [-1, 2] }
    const feeds = await codecOf([ids], [Y]).feeds({ inputs: [[1.9, -1.9]] })
    expect(feeds.ids?.data).toEqual(Int32Array.of(1, -1))
  })

  it('takes a data frame as one array for one input', async () => {
    const { x } = await codecOf([X], [Y]).feeds({
      dataframe_split: { columns: ['a', 'b'], data: [[1, 0.5]] },
    })
    expect(x).toEqual(floats([1, 2], 1, 0.5))
  })

  it('puts in and takes away a last dimension of 1, as Keras does', async () => {
    const column: TensorSpec = { name: 'x', dtype: 'float32', shape: [-1, 1] }
    expect((await codecOf([column], [Y]).feeds({ inputs: [1, 2] })).x?.shape).toEqual([2, 1])
    const vector: TensorSpec = { name: 'x', dtype: 'float32', shape: [-1] }
    expect((await codecOf([vector], [Y]).feeds({ inputs: [[1], [2]] })).x?.shape).toEqual([2])
  })

  it('feeds several inputs by name', async () => {
    const kind: TensorSpec = { name: 'kind', dtype: 'int32', shape: [-1] }
    const feeds = await codecOf([X, kind], [Y]).feeds({ inputs: { kind: [7], x: [[1, 2]] } })
    expect(feeds).toEqual({
      x: floats([1, 2], 1, 2),
      kind: { dtype: 'int32', shape: [1], data: Int32Array.of(7) },
    })
  })

  it('refuses text where numbers belong, and rows of another width', async () => {
    const { feeds } = codecOf([X], [Y])
    await expect(feeds({ inputs: [['a', 'b']] })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(feeds({ inputs: [[1, 2, 3]] })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('what a Keras model answers', () => {
  const y = { y: floats([2, 2], 1, 2, 3, 4) }

  it.each([{ inputs: [[1, 2]] }, { instances: [[1, 2]] }, { inputs: { x: [[1, 2]] } }])(
    'nested lists to %j',
    async (body) => {
      expect(await codecOf([X], [Y]).answer(body, y)).toEqual({
        predictions: [
          [1, 2],
          [3, 4],
        ],
      })
    },
  )

  it.each([
    { dataframe_split: { columns: ['a', 'b'], data: [[1, 2]] } },
    { dataframe_records: [{ a: 1, b: 2 }] },
  ])('numbered columns to %j', async (body) => {
    expect(await codecOf([X], [Y]).answer(body, y)).toEqual({
      predictions: [
        { '0': 1, '1': 2 },
        { '0': 3, '1': 4 },
      ],
    })
  })

  it('one column "0" for an output without width', async () => {
    const answered = { y: floats([2], 1, 2) }
    expect(
      await codecOf([X], [Y]).answer({ dataframe_records: [{ a: 1, b: 2 }] }, answered),
    ).toEqual({ predictions: [{ '0': 1 }, { '0': 2 }] })
  })

  it('refuses to make a data frame of images', async () => {
    const answered = { y: floats([1, 2, 2], 1, 2, 3, 4) }
    await expect(
      codecOf([X], [Y]).answer({ dataframe_records: [{ a: 1, b: 2 }] }, answered),
    ).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { stackTrace: expect.stringContaining('(1, 2, 2)') },
    })
  })

  it('several outputs by name, and as columns to a data frame', async () => {
    const label: TensorSpec = { name: 'label', dtype: 'string', shape: [-1] }
    const codec = codecOf([X], [Y, label])
    const answered = { ...y, label: { dtype: 'string', shape: [2], data: ['a', 'b'] } } as const
    expect(await codec.answer({ inputs: [[1, 2]] }, answered)).toEqual({
      predictions: {
        y: [
          [1, 2],
          [3, 4],
        ],
        label: ['a', 'b'],
      },
    })
    const columns = { y: floats([2, 1], 1, 2), label: answered.label }
    expect(await codec.answer({ dataframe_records: [{ a: 1, b: 2 }] }, columns)).toEqual({
      predictions: [
        { y: 1, label: 'a' },
        { y: 2, label: 'b' },
      ],
    })
  })
})
