import { float16ToNumber } from '../../model/float16.ts'
import type { Dtype } from './dtype.ts'
import { numberToFloat16 } from './float16.ts'

/** The double whose repr has the digits that numpy prints for a float of this dtype: the fewest that round to it. */
export function shortestOf(value: number, dtype: Dtype): number {
  if (dtype.itemsize === 8 || !Number.isFinite(value)) return value
  const round = dtype.itemsize === 4 ? Math.fround : roundToHalf
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (round(short) === value) return short
  }
  return value
}

function roundToHalf(value: number): number {
  return float16ToNumber(numberToFloat16(value))
}
