import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allocate,
  DTYPES,
  type DType,
  elementCount,
  isStringData,
  type NamedTensors,
  type Tensor,
} from '../../../src/model/tensor.ts'
import {
  byteLength,
  commonRows,
  hasLayout,
  layoutOf,
  mergeRows,
  rowMismatch,
  splitRows,
} from '../../../src/serving/batching/batch-merge.ts'

const dtypes = Object.keys(DTYPES) as DType[]

/** A tensor whose elements are all different within a test: `next` counts. */
function filled(dtype: DType, shape: readonly number[], next: () => number): Tensor {
  const data = allocate(dtype, elementCount(shape))
  for (let i = 0; i < data.length; i += 1) {
    if (isStringData(data)) data[i] = `text ${next()}`
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[i] = BigInt(next())
    else data[i] = next() % 251
  }
  return { dtype, shape, data }
}

/** Inputs of one layout: name, dtype and trailing shape of each; and the rows of each request. */
const batches = fc.record({
  inputs: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('x', 'y', 'a b', '0', 'ünï'),
      dtype: fc.constantFrom(...dtypes),
      trailing: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
  ),
  rows: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 }),
})

function makeParts({ inputs, rows }: typeof batches extends fc.Arbitrary<infer T> ? T : never) {
  let counter = 0
  const next = (): number => counter++
  return rows.map(
    (count): NamedTensors =>
      Object.fromEntries(
        inputs.map(({ name, dtype, trailing }) => [
          name,
          filled(dtype, [count, ...trailing], next),
        ]),
      ),
  )
}

describe('merging and splitting', () => {
  it('gives each part exactly its rows back, whatever the shapes, dtypes and sizes', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const parts = makeParts(batch)
        const [first] = parts
        if (first === undefined) return
        const total = batch.rows.reduce((sum, count) => sum + count, 0)
        const merged = mergeRows(layoutOf(first), parts, total)
        expect(commonRows(merged)).toBe(total)
        expect(rowMismatch(merged, total)).toBeUndefined()
        expect(splitRows(merged, batch.rows)).toEqual(parts)
      }),
      { numRuns: 500 },
    )
  })

  it('only reads the parts and copies nothing when it splits', () => {
    const parts = [1, 2].map(
      (count): NamedTensors => ({
        x: { dtype: 'float32', shape: [count, 2], data: new Float32Array(count * 2).fill(count) },
      }),
    )
    const merged = mergeRows(layoutOf(parts[0] ?? {}), parts, 3)
    expect(merged.x?.data).toEqual(Float32Array.of(1, 1, 2, 2, 2, 2))
    const buffer = merged.x?.data instanceof Float32Array ? merged.x.data.buffer : undefined
    const split = splitRows(merged, [1, 2]).map(({ x }) => x?.data)
    expect(split).toEqual([Float32Array.of(1, 1), Float32Array.of(2, 2, 2, 2)])
    expect(split.every((data) => data instanceof Float32Array && data.buffer === buffer)).toBe(true)
    expect(parts[0]?.x?.data).toEqual(Float32Array.of(1, 1))
  })

  it('merges parts whose names come in another order', () => {
    const a: Tensor = { dtype: 'int32', shape: [1], data: Int32Array.of(1) }
    const b: Tensor = { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) }
    const merged = mergeRows(
      layoutOf({ a, b }),
      [
        { a, b },
        { b, a },
      ],
      2,
    )
    expect(merged.a?.data).toEqual(Int32Array.of(1, 1))
    expect(merged.b?.data).toEqual(BigInt64Array.of(2n, 2n))
  })
})

describe('what may share a batch', () => {
  const x: Tensor = { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) }

  it.each<[string, NamedTensors, boolean]>([
    ['the same with other rows', { x: { ...x, shape: [7, 3] } }, true],
    ['another dtype', { x: { ...x, dtype: 'float64' } }, false],
    ['another trailing dimension', { x: { ...x, shape: [2, 4] } }, false],
    ['another rank', { x: { ...x, shape: [2, 3, 1] } }, false],
    ['another name', { y: x }, false],
    ['one more input', { x, y: x }, false],
    ['no input', {}, false],
  ])('%s', (_, feeds, expected) => {
    expect(hasLayout(feeds, layoutOf({ x }))).toBe(expected)
  })

  it.each<[string, NamedTensors, number | undefined]>([
    ['one input', { x }, 2],
    ['inputs that agree', { x, y: { ...x, shape: [2] } }, 2],
    ['inputs that disagree', { x, y: { ...x, shape: [3, 2] } }, undefined],
    ['a scalar', { x: { ...x, shape: [] } }, undefined],
    ['no input', {}, undefined],
    ['no rows', { x: { ...x, shape: [0, 3] } }, 0],
  ])('common rows of %s', (_, feeds, expected) => {
    expect(commonRows(feeds)).toBe(expected)
  })
})

describe('rowMismatch', () => {
  const tensor = (shape: readonly number[]): Tensor => ({
    dtype: 'float32',
    shape,
    data: new Float32Array(elementCount(shape)),
  })

  it.each<[string, NamedTensors, string | undefined]>([
    ['rows as expected', { y: tensor([3, 2]), z: tensor([3]) }, undefined],
    ['fewer rows', { y: tensor([1, 2]) }, 'output "y" has 1 rows for 3 rows of input'],
    ['a scalar', { y: tensor([]) }, 'output "y" is a scalar for 3 rows of input'],
    [
      'one of two wrong',
      { y: tensor([3]), z: tensor([4]) },
      'output "z" has 4 rows for 3 rows of input',
    ],
  ])('%s', (_, outputs, expected) => {
    expect(rowMismatch(outputs, 3)).toBe(expected)
  })
})

describe('byteLength', () => {
  it('counts numbers by their array and text by its length', () => {
    expect(byteLength({ x: { dtype: 'int64', shape: [3], data: new BigInt64Array(3) } })).toBe(24)
    expect(byteLength({ x: { dtype: 'string', shape: [2], data: ['', 'abc'] } })).toBe(16 + 16 + 6)
  })
})
