import { describe, expect, it } from 'vitest'
import type { TensorSpec } from '../../../src/model/tensor.ts'
import { madeUpRow, ProofRows, variant } from '../../../src/serving/batching-proof/proof-rows.ts'

const feeds = (...rows: readonly (readonly number[])[]) =>
  ({
    x: {
      dtype: 'float32',
      shape: [rows.length, rows[0]?.length ?? 0],
      data: Float32Array.from(rows.flat()),
    },
  }) as const

const firsts = (rows: ProofRows) => rows.rows.map((row) => Number(row.x?.data[0]))

describe('rows for a proof', () => {
  it('are single, different and no more than asked for', () => {
    const rows = new ProofRows(3, 1000)
    rows.add(feeds([1, 1], [2, 2], [1, 1]))
    rows.add(feeds([3, 3], [4, 4]))
    expect(firsts(rows)).toEqual([1, 2, 3])
    expect(rows.rows.map((row) => row.x?.shape)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(rows.isFull).toBe(true)
  })

  it('have the layout of the first, and a size that a batch can hold', () => {
    const rows = new ProofRows(8, 8)
    rows.add(feeds([1, 1]))
    rows.add(feeds([2, 2, 2]))
    rows.add(feeds([3]))
    expect(firsts(rows)).toEqual([1])
  })

  it('are not taken from inputs without common rows', () => {
    const rows = new ProofRows(8, 1000)
    rows.add({ x: { dtype: 'float32', shape: [], data: Float32Array.of(1) } })
    rows.add(feeds())
    expect(rows.rows).toEqual([])
  })

  it('may be a given row with its floats moved, and nothing else', () => {
    const given = {
      ...feeds([1, 0]),
      id: { dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) },
    } as const
    const moved = variant(given, 4)
    expect(moved.x?.data).toEqual(Float32Array.of(2, 0.5))
    expect(moved.id).toEqual(given.id)
  })

  it('are made up where every dimension but the first is known, the same each time', () => {
    const specs: readonly TensorSpec[] = [
      { name: 'a', dtype: 'float32', shape: [-1, 3] },
      { name: 'b', dtype: 'int64', shape: [-1] },
      { name: 'c', dtype: 'string', shape: [-1, 1] },
      { name: 'd', dtype: 'float16', shape: [-1, 2] },
    ]
    const row = madeUpRow(specs, 1)
    expect(row).toEqual(madeUpRow(specs, 1))
    expect(row).not.toEqual(madeUpRow(specs, 2))
    expect(row?.a?.shape).toEqual([1, 3])
    for (const value of row?.a?.data ?? []) expect(Number(value)).toBeGreaterThan(0)
    for (const value of row?.d?.data ?? []) expect(Number(value)).toBeLessThanOrEqual(0x3c00)
    expect(madeUpRow([{ name: 'a', dtype: 'float32', shape: [-1, -1] }], 1)).toBeUndefined()
    expect(madeUpRow([{ name: 'a', dtype: 'float32', shape: [] }], 1)).toBeUndefined()
  })
})
