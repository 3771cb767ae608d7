import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DType, NamedTensors, TensorData } from '../../../src/model/tensor.ts'
import { addLargestNumbers, rowDifference } from '../../../src/serving/batching-proof/same-rows.ts'

const row = (dtype: DType, data: TensorData): NamedTensors => ({
  y: { dtype, shape: [1, data.length], data },
})

const difference = (alone: NamedTensors, together: NamedTensors) => {
  const largest = {}
  addLargestNumbers(largest, alone)
  return rowDifference(alone, together, largest)
}

describe('answers to a row, alone and among others', () => {
  it('are the same within what kernels round, by the largest number of the output', () => {
    const alone = row('float32', Float32Array.of(1000, 0.001))
    expect(difference(alone, row('float32', Float32Array.of(1000.5, 0.5)))).toBeUndefined()
    expect(difference(alone, row('float32', Float32Array.of(1000, 2)))).toMatch(/differs by 2\.00/)
  })

  it('are judged by the precision of their type', () => {
    const double = row('float64', Float64Array.of(1))
    expect(difference(double, row('float64', Float64Array.of(1.0005)))).toMatch(/differs by/)
    // 1 and 1.0048828125 as float16
    const half = row('float16', Uint16Array.of(0x3c00))
    expect(difference(half, row('float16', Uint16Array.of(0x3c05)))).toBeUndefined()
    expect(difference(half, row('float16', Uint16Array.of(0x3d00)))).toMatch(/differs by 0\.250/)
  })

  it.each([
    ['int64', BigInt64Array.of(1n), BigInt64Array.of(2n)],
    ['bool', Uint8Array.of(0), Uint8Array.of(1)],
    ['string', ['cat'], ['dog']],
  ] as const)('must be equal where they are %s', (dtype, alone, together) => {
    expect(difference(row(dtype, alone), row(dtype, alone))).toBeUndefined()
    expect(difference(row(dtype, alone), row(dtype, together))).toBe('output "y" has another value')
  })

  it('differ where one is NaN and the other is not, and not where both are', () => {
    const nan = row('float32', Float32Array.of(Number.NaN))
    expect(difference(nan, nan)).toBeUndefined()
    expect(difference(nan, row('float32', Float32Array.of(1)))).toMatch(/differs/)
    expect(difference(row('float32', Float32Array.of(1)), nan)).toMatch(/differs/)
  })

  it('differ in shape, and by an output that is missing', () => {
    const alone = row('float32', Float32Array.of(1, 2))
    expect(difference(alone, row('float32', Float32Array.of(1)))).toBe(
      'output "y" has shape [1,1] in place of [1,2]',
    )
    expect(difference(alone, {})).toBe('output "y" is missing')
  })

  it('are found out wherever one number moves by more than that', () => {
    const numbers = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(
        numbers,
        fc.nat(),
        fc.double({ min: 0.01, max: 10, noNaN: true }),
        (values, at, by) => {
          const alone = Float64Array.from(values)
          const largest = Math.max(...values.map(Math.abs))
          const together = alone.slice()
          const index = at % values.length
          together[index] = (together[index] ?? 0) + by * Math.max(largest, 1)
          expect(difference(row('float64', alone), row('float64', alone.slice()))).toBeUndefined()
          expect(difference(row('float64', alone), row('float64', together))).toMatch(/differs by/)
        },
      ),
    )
  })
})
