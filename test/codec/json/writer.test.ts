import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PyValue } from '../../../src/codec/json/py-value.ts'
import { stringJson } from '../../../src/codec/json/string-text.ts'
import {
  type JsonFrame,
  type NamedTensor,
  writeJson,
  writeTensorDict,
  writeTensorNested,
  writeTensorRecords,
} from '../../../src/codec/json/writer.ts'
import { elementCount, type Tensor } from '../../../src/model/tensor.ts'
import { jsonTexts } from './json-texts.ts'

const bare = { strict: false }
const strict = { strict: true }
const noFrame: JsonFrame = { before: '', after: '' }
const predictions: JsonFrame = { before: '{"predictions": ', after: '}' }

const ascii = (written: string | Uint8Array) => Buffer.from(written as string).toString('latin1')
const nested = (tensor: Tensor, options = bare) => ascii(writeTensorNested('y', tensor, options))

const float32 = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
})

describe('a string', () => {
  it.each(jsonTexts.strings)('%j is written as Python writes it', (text, json) => {
    expect(stringJson(text)).toBe(json)
  })
})

describe('a JSON value', () => {
  it('has a space after commas and colons, and ints apart from floats', () => {
    const value: PyValue = new Map<string, PyValue>([
      ['a', [1n, 1, null, true, 2n ** 70n]],
      ['é', new Map()],
    ])
    expect(writeJson(value, bare)).toBe(
      '{"a": [1, 1.0, null, true, 1180591620717411303424], "\\u00e9": {}}',
    )
  })

  it('holds bare NaN and Infinity, unless it must be strict JSON', () => {
    const value = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    expect(writeJson(value, bare)).toBe('[NaN, Infinity, -Infinity]')
    expect(() => writeJson(value, strict)).toThrow(
      expect.objectContaining({
        code: 'OUTPUT_NOT_ENCODABLE',
        message: expect.stringContaining('NaN'),
      }),
    )
  })
})

describe('a tensor', () => {
  it('nests by its shape', () => {
    expect(nested(float32([2, 2], 1, 0.5, -0, 3))).toBe('[[1.0, 0.5], [-0.0, 3.0]]')
    expect(nested(float32([2, 1, 2], 1, 2, 3, 4))).toBe('[[[1.0, 2.0]], [[3.0, 4.0]]]')
    expect(nested(float32([3], 1, 2, 3))).toBe('[1.0, 2.0, 3.0]')
  })

  it('is a scalar without dimensions, and empty lists where a dimension is 0', () => {
    expect(nested(float32([], 7))).toBe('7.0')
    expect(nested(float32([0]))).toBe('[]')
    expect(nested(float32([0, 3]))).toBe('[]')
    expect(nested(float32([2, 0]))).toBe('[[], []]')
  })

  it.each<[string, Tensor, string]>([
    ['float32 is widened', float32([1], 1.1), '[1.100000023841858]'],
    ['float64', { dtype: 'float64', shape: [1], data: Float64Array.of(1e-5) }, '[1e-05]'],
    [
      'float16 is widened',
      { dtype: 'float16', shape: [2], data: Uint16Array.of(0x2e66, 0x7bff) },
      '[0.0999755859375, 65504.0]',
    ],
    ['bool', { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }, '[true, false]'],
    ['int8', { dtype: 'int8', shape: [1], data: Int8Array.of(-128) }, '[-128]'],
    ['uint32', { dtype: 'uint32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) }, '[4294967295]'],
    [
      'int64 is exact',
      { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
      '[-9223372036854775808, 9223372036854775807]',
    ],
    [
      'uint64 is exact',
      { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
      '[18446744073709551615]',
    ],
    ['string', { dtype: 'string', shape: [2], data: ['a"b', 'é'] }, '["a\\"b", "\\u00e9"]'],
  ])('%s', (_, tensor, text) => {
    expect(nested(tensor)).toBe(text)
  })

  it('holds bare NaN and Infinity as MLflow writes them', () => {
    expect(
      nested(float32([3], Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)),
    ).toBe('[NaN, Infinity, -Infinity]')
  })

  it('in strict JSON says where the number is that JSON has not', () => {
    const tensor = float32([2, 3], 0, 0, 0, 0, 0, Number.NaN)
    expect(() => nested(tensor, strict)).toThrow("Output 'y' is NaN at [1, 2]")
    expect(nested(float32([1], 1), strict)).toBe('[1.0]')
  })
})

describe('an answer', () => {
  const y = float32([2, 1], 1, 2)
  const label: Tensor = { dtype: 'string', shape: [2], data: ['a', 'b'] }
  const both: readonly NamedTensor[] = [
    ['y', y],
    ['label', label],
  ]

  it('of named tensors is an object', () => {
    expect(ascii(writeTensorDict(both, predictions, bare))).toBe(
      '{"predictions": {"y": [[1.0], [2.0]], "label": ["a", "b"]}}',
    )
    expect(ascii(writeTensorDict([], noFrame, bare))).toBe('{}')
  })

  it('of records is a list of objects, tensors flattened', () => {
    expect(ascii(writeTensorRecords(both, predictions, bare))).toBe(
      '{"predictions": [{"y": 1.0, "label": "a"}, {"y": 2.0, "label": "b"}]}',
    )
    expect(ascii(writeTensorRecords([['y', float32([0, 3])]], predictions, bare))).toBe(
      '{"predictions": []}',
    )
  })
})

describe('an answer of any size', () => {
  const shape = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 })
  const tensor = shape.chain((dimensions) => {
    const count = elementCount(dimensions)
    return fc
      .array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
        minLength: count,
        maxLength: count,
        size: 'max',
      })
      .map(
        (values): Tensor => ({
          dtype: 'float64',
          shape: dimensions,
          data: Float64Array.from(values),
        }),
      )
  })

  it('parses to the same numbers, nested by the same shape', () => {
    fc.assert(
      fc.property(tensor, (one) => {
        let parsed: unknown = JSON.parse(nested(one, strict))
        const sizes: number[] = []
        for (let at = parsed; Array.isArray(at); at = at[0]) sizes.push(at.length)
        expect(sizes).toEqual(one.shape)
        if (Array.isArray(parsed)) parsed = parsed.flat(Number.POSITIVE_INFINITY)
        expect([parsed].flat()).toEqual([...one.data])
      }),
      { numRuns: 50 },
    )
  })

  it('is the same text whether a string or bytes hold it', () => {
    const large = float32([2000], ...Array.from({ length: 2000 }, (_, i) => i / 7))
    const written = writeTensorNested('y', large, bare)
    expect(written).toBeInstanceOf(Uint8Array)
    const pieces = [...(large.data as Float32Array)].map((value) => nested(float32([], value)))
    expect(ascii(written)).toBe(`[${pieces.join(', ')}]`)
  })

  it('holds texts longer than a chunk of the output', () => {
    const long = 'x'.repeat(100_000)
    const data = Array.from({ length: 2000 }, (_, i) => (i % 500 === 0 ? long : 'é'))
    expect(JSON.parse(nested({ dtype: 'string', shape: [2000], data }))).toEqual(data)
  })
})
