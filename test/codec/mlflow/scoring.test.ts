import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Invocation, ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import { createScoringCodec } from '../../../src/codec/mlflow/scoring.ts'
import { ServingError } from '../../../src/errors.ts'
import { parseSignature } from '../../../src/model/parse-signature.ts'
import { elementCount, type Tensor } from '../../../src/model/tensor.ts'

const OPTIONS = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 500,
  maxColumns: 1000,
  maxMemoryBytes: 1e9,
}

const x = (dtype: 'float32' | 'float64' | 'int64' | 'string' | 'bool') =>
  ({ name: 'x', dtype, shape: [-1, -1] }) as const

function contract(inputs: unknown, ...graph: ModelContract['inputs']): ModelContract {
  const signature =
    inputs === undefined ? undefined : parseSignature({ inputs: JSON.stringify(inputs) })
  return {
    signature,
    inputs: graph,
    outputs: graph.map((spec) => ({ ...spec, name: `${spec.name}_y` })),
  }
}

function decode(of: ModelContract, body: string): Invocation {
  const decoded = createScoringCodec(of, OPTIONS).decode('application/json', Buffer.from(body))
  if (decoded instanceof Promise) throw new Error('Expected JSON to be read at once')
  return decoded
}

const columns = [
  { type: 'double', name: 'a' },
  { type: 'array', items: { type: 'double' }, name: 'v', required: false },
  { type: 'datetime', name: 't', required: false },
]
const CONTRACTS: readonly ModelContract[] = [
  contract(undefined, x('float64')),
  contract(
    undefined,
    { name: 'a', dtype: 'int64', shape: [-1] },
    { name: 'b', dtype: 'string', shape: [-1] },
  ),
  contract([{ type: 'double', name: 'a' }], x('float32')),
  contract(columns, x('string')),
  contract([{ type: 'long' }, { type: 'boolean' }], x('string')),
  contract([{ type: 'tensor', 'tensor-spec': { dtype: 'int64', shape: [-1, 2] } }], x('int64')),
  contract(
    [{ type: 'tensor', name: 'x', 'tensor-spec': { dtype: 'str', shape: [-1] } }],
    x('string'),
  ),
]

/** Any JSON, the names that mean something among its keys, in the shape of a request more often than not. */
const requests = fc.letrec((tie) => {
  const text = fc.constantFrom('', 'a', '1', '1.5', 'nan', '2024-01-02', '\ud800', '\u0000')
  const number = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
  )
  const key = fc.constantFrom('a', 'b', 'v', 't', 'x', 'columns', 'data', 'index', 'prompt')
  const value = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(number, text, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  )
  const form = fc.constantFrom(
    'inputs',
    'instances',
    'dataframe_records',
    'dataframe_split',
    'messages',
  )
  const frame = fc.record({ columns: tie('value'), data: tie('value') }, { requiredKeys: ['data'] })
  const request = fc
    .tuple(form, fc.oneof(tie('value'), frame), fc.option(tie('value')))
    .map(([name, data, params]) => (params === null ? { [name]: data } : { [name]: data, params }))
  return { value, request }
}).request

describe('a scoring codec', () => {
  it('makes feeds that fit the graph of any body, or refuses it as the client’s mistake', () => {
    const any = fc.property(fc.constantFrom(...CONTRACTS), requests, (of, body) => {
      try {
        const { feeds } = decode(of, JSON.stringify(body))
        for (const spec of of.inputs) expectFits(feeds[spec.name], spec)
      } catch (error) {
        if (!(error instanceof ServingError)) throw error
        expect(['INVALID_REQUEST', 'INVALID_INPUT', 'INPUT_NOT_MAPPABLE']).toContain(error.code)
      }
    })
    fc.assert(any, { numRuns: 3000 })
  })

  it('answers a data frame with records and arrays by name, wrapped unless the body was not', () => {
    const of = contract(undefined, x('float64'))
    const { encode } = createScoringCodec(of, OPTIONS)
    const outputs = {
      x_y: { dtype: 'float64', shape: [2, 1], data: Float64Array.of(1, 0.1) } as const,
    }
    const frame = decode(of, '{"dataframe_split": {"data": [[1.0], [0.1]]}}').answer
    const array = decode(of, '{"inputs": [[1.0], [0.1]]}').answer
    expect(encode(frame, outputs)).toBe('{"predictions": [{"x_y": 1.0}, {"x_y": 0.1}]}')
    expect(encode(array, outputs)).toBe('{"predictions": {"x_y": [[1.0], [0.1]]}}')
    expect(encode({ ...array, wrapped: false }, outputs)).toBe('{"x_y": [[1.0], [0.1]]}')
  })

  it('cannot put outputs of different length into one frame', () => {
    const of = contract(
      undefined,
      { name: 'a', dtype: 'int64', shape: [] },
      { name: 'b', dtype: 'int64', shape: [] },
    )
    const { encode } = createScoringCodec(of, OPTIONS)
    const one = { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) } as const
    const two = { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, 2n) } as const
    expect(() => encode({ layout: 'records', wrapped: true }, { a_y: one, b_y: two })).toThrow(
      ServingError,
    )
  })

  it('writes a text without dimensions as MLflow does, letter by letter', () => {
    const of = contract(undefined, { name: 'a', dtype: 'string', shape: [] })
    const { encode } = createScoringCodec(of, OPTIONS)
    const text = { dtype: 'string', shape: [], data: ['a😀'] } as const
    expect(encode({ layout: 'dict', wrapped: true }, { a_y: text })).toBe(
      '{"predictions": {"a_y": ["a", "\\ud83d\\ude00"]}}',
    )
  })

  it('hides what the signature expects where it is told to', () => {
    const of = contract([{ type: 'double', name: 'secret' }], x('float64'))
    const codec = createScoringCodec(of, { ...OPTIONS, hideSchemaDetails: true })
    const body = Buffer.from('{"dataframe_split": {"columns": ["a"], "data": [[1]]}}')
    expect(() => codec.decode('application/json', body)).toThrow(
      'Failed to predict data. \nError: Failed to enforce model input schema. Please check your input data.',
    )
  })
})

function expectFits(tensor: Tensor | undefined, spec: ModelContract['inputs'][number]): void {
  expect(tensor?.dtype).toBe(spec.dtype)
  expect(tensor?.shape).toHaveLength(spec.shape.length)
  expect(tensor?.data).toHaveLength(elementCount(tensor?.shape ?? []))
}

describe('a CSV of a header alone', () => {
  it('has empty columns of the types of the signature, datetimes among them', () => {
    const of = contract(
      [
        { type: 'string', name: 's' },
        { type: 'datetime', name: 't', required: false },
      ],
      x('string'),
    )
    const codec = createScoringCodec(of, OPTIONS)
    const decoded = codec.decode('text/csv', Buffer.from('s,t'))
    expect(decoded).toMatchObject({ feeds: { x: { dtype: 'string', shape: [0, 2] } } })
  })
})
