import type { ColumnType, SchemaTensor } from '../../model/signature.ts'
import { convertTimes } from '../pandas/convert-times.ts'
import { columnValues } from '../pandas/frame.ts'
import { decodeBase64 } from '../python/base64.ts'
import { BOOL, type Dtype, OBJECT } from '../python/dtype.ts'
import { castColumn } from '../python/numpy-cast.ts'
import { PythonError, surrogateError } from '../python/python-error.ts'
import { isList, isMissing, isTruthy, NdArray, type PyObject } from '../python/python-object.ts'
import { enforceValue } from './enforce-nested.ts'
import { noDtype } from './repeated-columns.ts'
import { pandasType, typeText } from './schema-text.ts'
import { tensorDtype } from './tensor-dtype.ts'

/** How a column of a data frame is cast to its type, and what MLflow calls that type when it fails. */
export interface ColumnCast {
  readonly name: string
  /** @throws PythonError in the words of Python, numpy or pandas. */
  cast(column: NdArray): NdArray
}

/** The cast to a column type; values of nested types are checked one by one. */
export function columnCast(type: ColumnType, required: boolean): ColumnCast {
  if (type.kind !== 'scalar') {
    const cast = (column: NdArray): NdArray =>
      type.kind === 'any'
        ? column
        : mapColumn(column, (value) => enforceValue(value, type, required))
    return { name: typeText(type), cast }
  }
  const dtype = pandasType(type.type)
  const name = dtype.kind === 'O' ? "<class 'object'>" : dtype.name
  switch (type.type) {
    case 'binary':
      return { name, cast: (column) => mapColumn(column, decodeCell) }
    case 'datetime':
      return { name, cast: convertTimes }
    case 'boolean':
      return { name, cast: castBooleans }
    default:
      return { name, cast: (column) => castUnlessText(column, dtype) }
  }
}

/** The cast to a tensor's dtype. `repeated` where another column has the same name. */
export function tensorCast(spec: SchemaTensor, repeated: boolean): ColumnCast {
  const dtype = tensorDtype(spec)
  return {
    name: dtype.name,
    cast(column) {
      if (dtype.kind === 'S') return mapColumn(column, utf8Cell)
      if (column.shape[0] === 0) {
        throw new PythonError('IndexError', 'single positional indexer is out-of-bounds')
      }
      if (repeated && (dtype.kind === 'U' || dtype.kind === 'O')) throw noDtype()
      // The lists of a column, but not of two columns of one name, become a tensor later, when the signature is enforced.
      if (!repeated && isList((column.data[0] ?? null) as PyObject)) return column
      return castUnlessText(column, dtype)
    },
  }
}

/** pandas' own text stays what it is where objects or text are asked for. */
function castUnlessText(column: NdArray, dtype: Dtype): NdArray {
  if (column.dtype.kind === 'T' && (dtype.kind === 'O' || dtype.kind === 'U')) return column
  return castColumn(column, dtype)
}

/** `series.map(convert)`: objects, but a column without rows stays what it is. */
function mapColumn(column: NdArray, convert: (value: PyObject) => PyObject): NdArray {
  if (column.shape[0] === 0) return column
  return new NdArray(OBJECT, column.shape, columnValues(column).map(convert))
}

/** Truth of each value; what is missing stays missing. */
function castBooleans(column: NdArray): NdArray {
  const values = columnValues(column)
  if (!values.some(isMissing)) return castColumn(column, BOOL)
  return new NdArray(
    OBJECT,
    column.shape,
    values.map((value) => (isMissing(value) ? value : isTruthy(value))),
  )
}

function decodeCell(value: PyObject): PyObject {
  return decodeBase64(encodable(value))
}

function utf8Cell(value: PyObject): PyObject {
  return new TextEncoder().encode(encodable(value))
}

/** What `bytes(value, "utf8")` takes. */
function encodable(value: PyObject): string {
  if (typeof value !== 'string')
    throw new PythonError('TypeError', 'encoding without a string argument')
  const error = surrogateError(value)
  if (error !== undefined) throw error
  return value
}
