import { astypeTime } from './datetime.ts'
import type { NdArray } from './python-object.ts'

/** `pandas.to_datetime(column)` in nanoseconds. */
export function convertTimes(column: NdArray): NdArray {
  return astypeTime(column)
}
