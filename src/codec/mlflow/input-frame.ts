import type { ColumnSpec } from '../../model/signature.ts'
import { defaultLabels, type Frame } from '../pandas/frame.ts'
import { buildFrame } from '../pandas/frame-build.ts'
import { frameOfDict, textInferred } from '../pandas/frame-dict.ts'
import { toNestedList } from '../python/numpy-array.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { PythonError } from '../python/python-error.ts'
import {
  isList,
  isNumpyScalar,
  NdArray,
  type PyDict,
  type PyObject,
  typeName,
} from '../python/python-object.ts'
import type { RequestData } from './request-data.ts'

/**
 * The data frame that a column signature sees in any data (mlflow/models/utils.py, first part of `_enforce_schema`).
 * @throws PythonError where pandas cannot make one.
 */
export function inputFrame(data: RequestData, specs: readonly ColumnSpec[]): Frame {
  switch (data.kind) {
    case 'frame':
      return data.frame
    case 'array':
      return frameOfArray(data.array)
    case 'dict':
      return frameOfNamed(data.dict, specs)
    case 'list':
      return buildFrame(data.list)
    case 'other':
      if (isNumpyScalar(data.value)) return buildFrame([data.value])
      throw new PythonError(
        'MlflowException',
        `Expected input to be DataFrame. Found: ${typeName(data.value)}`,
      )
  }
}

/** `pandas.DataFrame(array)`: the first axis is rows. */
function frameOfArray(array: NdArray): Frame {
  const [rows, width = 1, ...deeper] = array.shape
  if (rows === undefined || deeper.length > 0) {
    throw new PythonError('ValueError', `Must pass 2-d input. shape=${shapeText(array.shape)}`)
  }
  const columns = Array.from({ length: width }, (_, i) => {
    const column = takeColumn(array, i, width, rows)
    return column.dtype.kind === 'S' ? column : textInferred(column)
  })
  return { labels: defaultLabels(width), columns, rows }
}

function takeColumn(array: NdArray, i: number, width: number, rows: number): NdArray {
  const { data, dtype } = array
  if (Array.isArray(data)) {
    return new NdArray(
      dtype,
      [rows],
      Array.from({ length: rows }, (_, row) => data[row * width + i]),
    )
  }
  const column = (data as Float64Array).slice(0, rows)
  for (let row = 0; row < rows; row++) column[row] = (data as Float64Array)[row * width + i] ?? 0
  return new NdArray(dtype, [rows], column)
}

/** One row where a column holds lists or objects, or where all values are single; else a column per name. */
function frameOfNamed(dict: PyDict, specs: readonly ColumnSpec[]): Frame {
  const values = [...dict.values()]
  const nested = specs.some(
    ({ type }) => type.kind === 'array' || type.kind === 'sparkml_vector' || type.kind === 'object',
  )
  if (nested || values.every(isSingle)) return buildFrame([dict])
  try {
    if (values.every(isTextScalar)) return buildFrame([dict])
    const deep = values.some((value) => value instanceof NdArray && value.shape.length > 1)
    return frameOfDict(deep ? withLists(dict) : dict, null, null)
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    throw new PythonError(
      'MlflowException',
      'This model contains a column-based signature, which suggests a DataFrame' +
        ` input. There was an error casting the input data to a DataFrame: ${error.message}`,
    )
  }
}

function isSingle(value: PyObject): boolean {
  if (value === null || isNumpyScalar(value)) return true
  return isList(value) && value.every((inner) => typeof inner === 'string')
}

function isTextScalar(value: PyObject): boolean {
  return value instanceof NdArray && value.dtype.kind === 'U' && value.shape.length === 0
}

function withLists(dict: PyDict): PyDict {
  const lists = new Map<string, PyObject>()
  for (const [name, value] of dict) {
    const deep = value instanceof NdArray && value.shape.length > 1
    lists.set(name, deep ? toNestedList(value) : value)
  }
  return lists
}
