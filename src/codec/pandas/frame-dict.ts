import { FLOAT64, OBJECT } from '../python/dtype.ts'
import { numericArray } from '../python/numpy-convert.ts'
import { PythonError } from '../python/python-error.ts'
import {
  element,
  isDict,
  isList,
  NdArray,
  type PyDict,
  type PyObject,
} from '../python/python-object.ts'
import { pythonRepr } from '../python/python-text.ts'
import { type Frame, type Label, missingColumn } from './frame.ts'
import { fitIndex } from './frame-fit.ts'
import { columnLabels, indexLength, refuseSurrogates, unhashableLabel } from './frame-labels.ts'
import { refuseFilledFrame } from './frame-size.ts'
import { inferColumn, textColumn } from './infer-column.ts'

/**
 * `pandas.DataFrame(dict)`: a column per key, from a list, an array, an object by index entry, or a scalar for all rows.
 * @throws PythonError in pandas' words.
 */
export function frameOfDict(data: PyDict, columns: PyObject, index: PyObject): Frame {
  const labels = columnLabels(columns) ?? [...data.keys()]
  const odd = unhashableLabel(columns)
  if (odd !== undefined) throw new PythonError('InvalidIndexError', pythonRepr(odd))
  refuseSurrogates(labels)
  const chosen = labels.map((label) => (typeof label === 'string' ? data.get(label) : undefined))
  const given = indexLength(index)
  const entries = indexEntries(chosen, index)
  const rows = given ?? entries?.length ?? commonLength(chosen)
  refuseFilledFrame(
    rows,
    labels.length,
    chosen.reduce<number>((total, value) => total + valuesIn(value), 0),
  )
  const made = chosen.map((value) => {
    if (value === undefined) return missingColumn(rows, OBJECT)
    if (isDict(value)) return entriesColumn(value, entries ?? [])
    return dictColumn(value, rows)
  })
  return { labels: labels satisfies readonly Label[], columns: made, rows }
}

function valuesIn(value: PyObject | undefined): number {
  if (value === undefined) return 0
  if (isList(value)) return value.length
  if (isDict(value)) return value.size
  return value instanceof NdArray ? value.data.length : 1
}

function dictColumn(value: PyObject, rows: number): NdArray {
  if (isList(value)) {
    const column = value.length === 0 ? missingColumn(0, FLOAT64) : inferColumn(value)
    return fitIndex(column, rows)
  }
  if (value instanceof NdArray && value.shape.length > 0) return fitIndex(arrayColumn(value), rows)
  const held = value instanceof NdArray ? element(value, 0) : value
  // An object in an array without dimensions is a list of its keys, and no text is inferred.
  if (value instanceof NdArray && isDict(held)) {
    return fitIndex(new NdArray(OBJECT, [held.size], [...held.keys()]), rows)
  }
  return repeated(value, rows)
}

/** An object by the entries of the index; no entries make an empty column of floats. */
function entriesColumn(dict: PyDict, entries: readonly string[]): NdArray {
  if (entries.length === 0) return missingColumn(0, FLOAT64)
  const values = entries.map((key) => {
    const value = dict.get(key)
    return value === undefined ? Number.NaN : value
  })
  return inferColumn(values)
}

/** A scalar for every row, in the dtype of one even where there are none. Only text that has a row must be UTF-8. */
export function repeated(value: PyObject, rows: number): NdArray {
  if (rows > 0) return inferColumn(new Array<PyObject>(rows).fill(value))
  if (typeof value === 'string') return textColumn([])
  const { dtype } = inferColumn([value])
  return new NdArray(dtype, [0], 'biuf'.includes(dtype.kind) ? numericArray(dtype, 0) : [])
}

/** A column from an array: numpy's text becomes pandas', objects of text too, bytes objects. */
function arrayColumn(array: NdArray): NdArray {
  if (array.shape.length !== 1) {
    throw new PythonError('ValueError', 'Per-column arrays must each be 1-dimensional')
  }
  return textInferred(array)
}

/** Text arrays, and object arrays of nothing but text, as pandas takes them up. */
export function textInferred(array: NdArray): NdArray {
  if (array.dtype.kind === 'S') return new NdArray(OBJECT, array.shape, array.data)
  if (array.dtype.kind !== 'U' && array.dtype.kind !== 'O') return array
  if (array.dtype.kind === 'U') return textColumn(array.data as readonly string[])
  const inferred = inferColumn(array.data as readonly PyObject[])
  return inferred.dtype.kind === 'T' || inferred.dtype.kind === 'M' ? inferred : array
}

/** Keys of the objects among the values, in order of appearance: the index they make. */
function indexEntries(
  values: readonly (PyObject | undefined)[],
  index: PyObject,
): readonly string[] | undefined {
  const dicts = values.filter((value) => value !== undefined).filter(isDict)
  if (dicts.length === 0) return undefined
  if (isList(index)) return index.map(String)
  const given = values.filter((value) => value !== undefined).filter((value) => !isDict(value))
  if (given.some((value) => lengthOf(value) !== undefined)) {
    commonLength(given)
    throw new PythonError(
      'ValueError',
      'Mixing dicts with non-Series may lead to ambiguous ordering.',
    )
  }
  const keys = new Set<string>()
  for (const dict of dicts) for (const key of dict.keys()) keys.add(key)
  return [...keys]
}

function commonLength(values: readonly (PyObject | undefined)[]): number {
  const sized = values.filter((value) => value !== undefined)
  if (sized.length === 0) return 0
  const lengths = sized.map(lengthOf).filter((length) => length !== undefined)
  const first = lengths[0]
  if (first === undefined) {
    throw new PythonError('ValueError', 'If using all scalar values, you must pass an index')
  }
  if (lengths.some((length) => length !== first)) {
    throw new PythonError('ValueError', 'All arrays must be of the same length')
  }
  return first
}

function lengthOf(value: PyObject): number | undefined {
  if (isList(value)) return value.length
  if (!(value instanceof NdArray) || value.shape.length === 0) return undefined
  if (value.shape.length > 1) {
    throw new PythonError('ValueError', 'Per-column arrays must each be 1-dimensional')
  }
  return value.shape[0]
}
