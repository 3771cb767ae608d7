import { type Dtype, FLOAT64, OBJECT, promote } from '../python/dtype.ts'
import { castNumbers } from '../python/numpy-cast.ts'
import { numericArray } from '../python/numpy-convert.ts'
import { element, NdArray, type PyObject } from '../python/python-object.ts'
import type { Frame } from './frame.ts'

/** `frame.values`: one array of rows and columns, in the dtype that holds all columns. */
export function frameValues(frame: Frame): NdArray {
  const dtype = commonDtype(frame.columns)
  const shape = [frame.rows, frame.columns.length]
  if (dtype.kind === 'O' || dtype.kind === 'S') return new NdArray(dtype, shape, interleave(frame))
  const count = frame.rows * frame.columns.length
  const data = dtype.kind === 'M' ? new BigInt64Array(count) : numericArray(dtype, count)
  for (const [i, column] of frame.columns.entries()) {
    const from = dtype.kind === 'M' ? column : castNumbers(column, dtype)
    scatter(from.data as Float64Array, data as Float64Array, i, frame.columns.length)
  }
  return new NdArray(dtype, shape, data)
}

function scatter(from: Float64Array, to: Float64Array, offset: number, step: number): void {
  for (const [row, value] of from.entries()) to[row * step + offset] = value
}

function interleave(frame: Frame): PyObject[] {
  const values: PyObject[] = []
  for (let row = 0; row < frame.rows; row++) {
    for (const column of frame.columns) values.push(element(column, row))
  }
  return values
}

/** Numbers promote, but booleans beside numbers are objects, as is everything beside anything else. */
function commonDtype(columns: readonly NdArray[]): Dtype {
  const first = columns[0]?.dtype
  if (first === undefined) return FLOAT64
  let found: Dtype = first
  for (const { dtype } of columns) {
    if (dtype.name === found.name) continue
    if (!'iuf'.includes(dtype.kind) || !'iuf'.includes(found.kind)) return OBJECT
    found = promote(found, dtype)
  }
  return found.kind === 'T' ? OBJECT : found
}
