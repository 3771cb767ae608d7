import type { ScalarType } from '../../model/signature.ts'
import { astypeTime } from '../pandas/datetime.ts'
import { inferColumn } from '../pandas/infer-column.ts'
import { parseNumbers } from '../pandas/parse-numbers.ts'
import type { Dtype } from '../python/dtype.ts'
import { castNumbers } from '../python/numpy-cast.ts'
import { PythonError } from '../python/python-error.ts'
import type { NdArray, PyObject } from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { NUMPY_TYPES } from './schema-text.ts'

const MISSING_VALUES_HINT =
  ' Hint: the type mismatch is likely caused by missing values. ' +
  'Integer columns in python can not represent missing values and are therefore ' +
  'encoded as floats. The best way to avoid this problem is to infer the model ' +
  'schema based on a realistic data sample (training dataset) that includes missing ' +
  'values. Alternatively, you can declare integer columns as doubles (float64) ' +
  'whenever these columns may have missing values. See `Handling Integers With ' +
  'Missing Values <https://www.mlflow.org/docs/latest/models.html#' +
  'handling-integers-with-missing-values>`_ for more details.'

/**
 * A column as its type in the signature allows it: only conversions that lose nothing (mlflow/models/utils.py,
 * `_enforce_mlflow_datatype`).
 * @throws PythonError MlflowException naming the column and both types.
 */
export function enforceColumn(label: PyObject, given: NdArray, type: ScalarType): NdArray {
  const column = inferObjects(given, type)
  const from = column.dtype
  if (isTakenAsIs(from, type)) return column
  if (type === 'datetime' && from.kind === 'M') return enforceTime(column)
  if (type === 'datetime' && from.kind === 'O') return enforceObjectTime(label, column)
  if (type === 'double' && from.kind === 'O') return enforceObjectNumbers(label, column)
  const to = NUMPY_TYPES[type]
  if (isUpcast(from, to)) return castNumbers(column, to)
  if (from.name === 'int64' && to.kind === 'f' && holdsOnlyBits(column))
    return castNumbers(column, to)
  const hint =
    from.name === 'float64' && to.kind === 'i' && isWholeWithGaps(column) ? MISSING_VALUES_HINT : ''
  throw new PythonError(
    'MlflowException',
    `Incompatible input types for column ${pythonText(label)}. Can not safely convert ${from.name} to ${to.name}.${hint}`,
  )
}

/** pandas' `infer_objects` on a column of objects, but for the types that take objects as they are. */
function inferObjects(column: NdArray, type: ScalarType): NdArray {
  if (column.dtype.kind !== 'O' || type === 'binary' || type === 'string') return column
  return inferColumn(column.data as readonly PyObject[])
}

function isTakenAsIs(from: Dtype, type: ScalarType): boolean {
  switch (type) {
    case 'string':
      return from.kind === 'O' || from.kind === 'T'
    case 'binary':
      return from.kind === 'O' || from.kind === 'T' || from.kind === 'S'
    case 'boolean':
      // Missing values among booleans stay objects.
      return from.kind === 'b' || from.kind === 'O'
    default:
      return from.name === NUMPY_TYPES[type].name
  }
}

function isUpcast(from: Dtype, to: Dtype): boolean {
  if (!'biuf'.includes(from.kind)) return false
  if (from.kind === to.kind) return from.itemsize <= to.itemsize
  if (from.kind === 'u' && to.kind === 'i') return from.itemsize < to.itemsize
  return (from.kind === 'i' || from.kind === 'u') && to.name === 'float64' && from.itemsize <= 6
}

function holdsOnlyBits(column: NdArray): boolean {
  return (
    column.data instanceof BigInt64Array &&
    column.data.every((value) => value === 0n || value === 1n)
  )
}

/** Whether there are NaNs, and all else is whole. Infinity has no integer, which Python notices by raising. */
function isWholeWithGaps(column: NdArray): boolean {
  if (!(column.data instanceof Float64Array) || !column.data.some(Number.isNaN)) return false
  for (const value of column.data) {
    if (Number.isNaN(value)) continue
    if (!Number.isFinite(value)) {
      throw new PythonError('OverflowError', 'cannot convert float infinity to integer')
    }
    if (!Number.isInteger(value)) return false
  }
  return true
}

const ZONE_REFUSAL =
  'Please ensure that the input data of datetime column only contains timezone-naive ' +
  'datetime objects. Error: Cannot use .astype to convert from timezone-aware dtype to timezone-naive dtype. ' +
  "Use obj.tz_localize(None) or obj.tz_convert('UTC').tz_localize(None) instead."

function enforceTime(column: NdArray): NdArray {
  if (column.dtype.zone !== undefined) throw new PythonError('MlflowException', ZONE_REFUSAL)
  return astypeTime(column)
}

/** numpy's object dtype equals Python's Decimal type, for which MLflow parses numbers. */
function enforceObjectNumbers(label: PyObject, column: NdArray): NdArray {
  return orFailedConversion(label, 'double', () => parseNumbers(column))
}

function enforceObjectTime(label: PyObject, column: NdArray): NdArray {
  return orFailedConversion(label, 'datetime', () => astypeTime(column))
}

/** MLflow gives a `ValueError` words of its own, and lets a `TypeError` pass. */
function orFailedConversion(label: PyObject, type: ScalarType, convert: () => NdArray): NdArray {
  try {
    return convert()
  } catch (error) {
    if (
      !(error instanceof PythonError) ||
      error.type === 'TypeError' ||
      error.type === 'OverflowError'
    )
      throw error
    throw new PythonError(
      'MlflowException',
      `Failed to convert column ${pythonText(label)} from type object to DataType.${type}.`,
    )
  }
}
