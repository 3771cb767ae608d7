import type { ColumnType, PropertySpec, ScalarType } from '../../model/signature.ts'
import { textInferred } from '../pandas/frame-dict.ts'
import { inferColumn } from '../pandas/infer-column.ts'
import { type Dtype, OBJECT } from '../python/dtype.ts'
import { numpyArray, toNestedList } from '../python/numpy-array.ts'
import { castArray } from '../python/numpy-cast.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { PythonError } from '../python/python-error.ts'
import {
  element,
  isDict,
  isList,
  isMissing,
  isNumpyScalar,
  item,
  NdArray,
  type PyObject,
  typeName,
} from '../python/python-object.ts'
import { stringRepr } from '../python/python-string.ts'
import { pythonText } from '../python/python-text.ts'
import { enforceColumn } from './enforce-column.ts'
import { NUMPY_TYPES, typeKeyword, typeText } from './schema-text.ts'

/**
 * A value of a nested type: checked one by one, with the conversions of a strict column for the scalars in it
 * (mlflow/models/utils.py, `_enforce_type`).
 * @throws PythonError MlflowException saying what was expected.
 */
export function enforceValue(data: PyObject, type: ColumnType, required: boolean): PyObject {
  switch (type.kind) {
    case 'scalar':
      return enforceScalar(data, type.type, required)
    case 'array':
      return enforceArray(data, type.items, required)
    case 'sparkml_vector':
      return enforceArray(data, { kind: 'scalar', type: 'double' }, required)
    case 'object':
      return enforceObject(data, type, required)
    case 'map':
      return enforceMap(data, type.values, required)
    case 'any':
      return data
  }
}

function refusal(message: string): PythonError {
  return new PythonError('MlflowException', message)
}

function enforceScalar(data: PyObject, type: ScalarType, required: boolean): PyObject {
  if (!required && isMissing(data)) return null
  if (!isNumpyScalar(data)) throw refusal(`Expected data to be scalar, got ${typeName(data)}`)
  const column = inferColumn([data])
  try {
    return item(enforceColumn('', column, type), 0)
  } catch (error) {
    if (!(error instanceof PythonError) || error.type !== 'MlflowException') throw error
    throw refusal(`Failed to enforce schema of data \`${pythonText(data)}\` with dtype \`${type}\``)
  }
}

function enforceArray(data: PyObject, items: ColumnType, required: boolean): PyObject {
  const values = isList(data) || data instanceof NdArray ? data : undefined
  const lenient = !required || items.kind === 'any'
  if (lenient && (data === null || (values !== undefined && sizeOf(values) === 0))) return data
  if (values === undefined) {
    throw refusal(`Expected data to be list or numpy array, got ${typeName(data)}`)
  }
  if (items.kind === 'scalar') return enforceScalars(values, items.type)
  const list = isList(values) ? values : listOfRows(values)
  const enforced = list.map((value) => enforceValue(value, items, required))
  return isList(values) ? enforced : numpyArray(enforced)
}

function enforceScalars(values: readonly PyObject[] | NdArray, type: ScalarType): PyObject {
  if (sizeOf(values) === 0) return values
  const column = enforceColumn('', seriesOf(values), type)
  const array = toNumpy(column, NUMPY_TYPES[type])
  return isList(values) ? toNestedList(array) : array
}

/** `column.to_numpy(dtype)`. Text beside missing values is cut to one letter: pandas asks for width 0, which numpy makes 1. */
function toNumpy(column: NdArray, dtype: Dtype): NdArray {
  const text = dtype.kind === 'U' || dtype.kind === 'S'
  if (!text || column.dtype.kind !== 'T') return castArray(column, dtype)
  const values = column.data as readonly PyObject[]
  const cut = values.some(isMissing)
  const letters = values.map((value) => (cut ? ([...pythonText(value)][0] ?? '') : value))
  return castArray(new NdArray(OBJECT, column.shape, letters), dtype)
}

/** `pandas.Series(values)` */
function seriesOf(values: readonly PyObject[] | NdArray): NdArray {
  if (!(values instanceof NdArray)) return inferColumn(values)
  if (values.shape.length === 1) return textInferred(values)
  if (values.dtype.kind === 'U')
    throw new PythonError('ValueError', 'only handle 1-dimensional arrays')
  throw new PythonError(
    'ValueError',
    `Data must be 1-dimensional, got ndarray of shape ${shapeText(values.shape)} instead`,
  )
}

function sizeOf(values: readonly PyObject[] | NdArray): number {
  if (isList(values)) return values.length
  const size = values.shape[0]
  if (size === undefined) throw new PythonError('TypeError', 'len() of unsized object')
  return size
}

/** What iterating over an array gives: its rows, or its elements where it has one axis. */
function listOfRows(array: NdArray): readonly PyObject[] {
  const [rows, ...shape] = array.shape
  if (rows === undefined) throw new PythonError('TypeError', 'iteration over a 0-d array')
  if (shape.length === 0) return Array.from({ length: rows }, (_, i) => item(array, i))
  const step = shape.reduce((product, size) => product * size, 1)
  return Array.from(
    { length: rows },
    (_, i) => new NdArray(array.dtype, shape, array.data.slice(i * step, (i + 1) * step)),
  )
}

function enforceObject(
  data: PyObject,
  type: Extract<ColumnType, { kind: 'object' }>,
  required: boolean,
): PyObject {
  if (!required && isNullOrEmpty(data)) return data
  if (!isDict(data)) {
    throw refusal(
      `Failed to enforce schema of '${pythonText(data)}' with type '${typeText(type)}'. Expected data to be dictionary, got ${typeName(data)}`,
    )
  }
  const properties = new Map(type.properties.map((property) => [property.name, property]))
  const missing = type.properties.filter(
    (property) => property.required && !data.has(property.name),
  )
  if (missing.length > 0) {
    throw refusal(
      `Missing required properties: ${setText(missing.map((property) => property.name))}`,
    )
  }
  const invalid = [...data.keys()].filter((key) => !properties.has(key))
  if (invalid.length > 0) {
    throw refusal(`Invalid properties not defined in the schema found: ${setText(invalid)}`)
  }
  const enforced = new Map<string, PyObject>()
  for (const [key, value] of data) {
    const property = properties.get(key)
    if (property !== undefined) enforced.set(key, enforceProperty(value, property))
  }
  return enforced
}

/** `data is None or data == {}`, which numpy answers for each element of an array. */
function isNullOrEmpty(data: PyObject): boolean {
  if (data instanceof NdArray && data.data.length !== 1) {
    throw new PythonError(
      'ValueError',
      data.data.length === 0
        ? 'The truth value of an empty array is ambiguous. Use `array.size > 0` to check that an array is not empty.'
        : 'The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()',
    )
  }
  const value = data instanceof NdArray ? element(data, 0) : data
  return data === null || (isDict(value) && value.size === 0)
}

function enforceProperty(value: PyObject, property: PropertySpec): PyObject {
  try {
    return enforceValue(value, property.type, property.required)
  } catch (error) {
    if (!(error instanceof PythonError) || error.type !== 'MlflowException') throw error
    throw refusal(
      `Failed to enforce schema for key \`${property.name}\`. Expected type ${typeKeyword(property.type)}, received type ${typeName(value)}`,
    )
  }
}

function enforceMap(data: PyObject, values: ColumnType, required: boolean): PyObject {
  const lenient = !required || values.kind === 'any'
  if (lenient && isNullOrEmpty(data)) return data
  if (!isDict(data)) throw refusal(`Expected data to be a dict, got ${typeName(data)}`)
  const enforced = new Map<string, PyObject>()
  for (const [key, value] of data) enforced.set(key, enforceValue(value, values, required))
  return enforced
}

/** A set of names as Python prints it; in the order of their own text, where Python's is random. */
export function setText(names: readonly string[]): string {
  return `{${names.map(stringRepr).sort().join(', ')}}`
}
