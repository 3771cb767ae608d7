import { PythonError } from '../python/python-error.ts'
import { NdArray } from '../python/python-object.ts'

/** A column of one value is repeated for every entry of the index. */
export function fitIndex(column: NdArray, length: number): NdArray {
  const size = column.shape[0] ?? 0
  if (size === length) return column
  if (size !== 1) {
    throw new PythonError(
      'ValueError',
      `Length of values (${size}) does not match length of index (${length})`,
    )
  }
  const { data } = column
  const repeated = Array.isArray(data)
    ? Array.from({ length }, () => data[0])
    : repeatNumber(data as Float64Array, length)
  return new NdArray(column.dtype, [length], repeated)
}

function repeatNumber(data: Float64Array, length: number): Float64Array {
  const repeated = new (data.constructor as Float64ArrayConstructor)(length)
  return repeated.fill(data[0] ?? 0)
}
