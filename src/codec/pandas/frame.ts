import type { FLOAT64, OBJECT } from '../python/dtype.ts'
import { element, NdArray, type PyObject } from '../python/python-object.ts'

/** Name of a column: text, or whatever JSON gave in `columns`; integers from 0 where it gave none. */
export type Label = PyObject

/** pandas' DataFrame, without its index, which no answer shows. */
export interface Frame {
  readonly labels: readonly Label[]
  /** One-dimensional, `rows` long, in the order of the labels. */
  readonly columns: readonly NdArray[]
  readonly rows: number
}

/** Positions of the columns of a name; several where names repeat. */
export function framePositions(frame: Frame, label: Label): readonly number[] {
  const positions: number[] = []
  for (const [i, other] of frame.labels.entries()) if (sameLabel(other, label)) positions.push(i)
  return positions
}

function sameLabel(a: Label, b: Label): boolean {
  if (a === b) return true
  if (typeof a === 'string' || typeof b === 'string') return false
  return isNumber(a) && isNumber(b) && Number(a) === Number(b)
}

function isNumber(label: Label): label is number | bigint | boolean {
  return typeof label === 'number' || typeof label === 'bigint' || typeof label === 'boolean'
}

/** Integer labels from 0. */
export function defaultLabels(count: number): readonly Label[] {
  return Array.from({ length: count }, (_, i) => BigInt(i))
}

/** `numpy.full(rows, nan)` as objects or floats. */
export function missingColumn(rows: number, dtype: typeof OBJECT | typeof FLOAT64): NdArray {
  const data = new Array<number>(rows).fill(Number.NaN)
  return new NdArray(dtype, [rows], dtype.kind === 'f' ? Float64Array.from(data) : data)
}

/** The values of a column as Python objects. */
export function columnValues(column: NdArray): readonly PyObject[] {
  return Array.from({ length: column.shape[0] ?? 0 }, (_, i) => element(column, i))
}
