import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocate, DTYPES, type DType, elementCount, isStringData } from '../../src/model/tensor.ts'

const dtypes = Object.keys(DTYPES) as DType[]

describe('elementCount', () => {
  it.each<[readonly number[], number]>([
    [[], 1],
    [[0], 0],
    [[3], 3],
    [[2, 3, 4], 24],
    [[5, 0, 7], 0],
  ])('of %j is %i', (shape, count) => {
    expect(elementCount(shape)).toBe(count)
  })
})

describe('allocate', () => {
  it.each(dtypes)('gives zeros of %s, of the size that the table says', (dtype) => {
    fc.assert(
      fc.property(fc.nat(200), (count) => {
        const data = allocate(dtype, count)
        expect(data).toHaveLength(count)
        if (isStringData(data)) {
          expect(data.every((text) => text === '')).toBe(true)
        } else {
          expect(data.byteLength).toBe(count * DTYPES[dtype].bytes)
          expect(data.every((value: number | bigint) => value === 0 || value === 0n)).toBe(true)
        }
      }),
    )
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d elements', (count) => {
    expect(() => allocate('float32', count)).toThrow(
      expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining(`${count}`) }),
    )
  })
})

describe('DTYPES', () => {
  it('names each element type once in every vocabulary', () => {
    for (const key of ['numpy', 'oip'] as const) {
      expect(new Set(dtypes.map((dtype) => DTYPES[dtype][key])).size).toBe(dtypes.length)
    }
  })
})
