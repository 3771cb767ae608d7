import { PythonError } from '../python/python-error.ts'
import { isDict, isList, isMissing, type PyObject, typeName } from '../python/python-object.ts'
import { defaultLabels, type Frame, type Label } from './frame.ts'
import { frameOfDict, repeated } from './frame-dict.ts'
import { fitIndex } from './frame-fit.ts'
import {
  columnLabels,
  indexLength,
  refuseSurrogates,
  unhashable,
  unhashableLabel,
} from './frame-labels.ts'
import { refuseFilledFrame } from './frame-size.ts'
import { inferColumn } from './infer-column.ts'

/**
 * `pandas.DataFrame(data, index, columns)` of what JSON holds (pandas/core/frame.py, pandas/core/internals/construction.py).
 * @throws PythonError in pandas' words.
 */
export function buildFrame(
  data: PyObject,
  columns: PyObject = null,
  index: PyObject = null,
): Frame {
  if (data === null) return frameOfDict(new Map(), columns, index)
  if (isDict(data)) return frameOfDict(data, columns, index)
  if (!isList(data)) return frameOfScalar(data, columns, index)
  const first = data[0]
  if (first === undefined) return frameOfDict(new Map(), columns, index)
  if (isDict(first)) return frameOfRecords(data, columns, index)
  if (isList(first)) return frameOfRows(data, columns, index)
  return frameOfValues(data, columns, index)
}

function frameOfScalar(value: PyObject, columns: PyObject, index: PyObject): Frame {
  if (columns === null || index === null) {
    throw new PythonError('ValueError', 'DataFrame constructor not properly called!')
  }
  const labels = columnLabels(columns) ?? []
  const rows = indexLength(index) ?? 0
  refuseFilledFrame(rows, labels.length, 1)
  if (labels.length === 0) return { labels, columns: [], rows }
  const column = repeated(value, rows)
  return { labels, columns: labels.map(() => column), rows }
}

/** A list whose first element is no container: one column. */
function frameOfValues(values: readonly PyObject[], columns: PyObject, index: PyObject): Frame {
  const rows = indexLength(index) ?? values.length
  const labels = columnLabels(columns) ?? defaultLabels(1)
  if (rows !== values.length || labels.length !== 1) {
    throw new PythonError(
      'ValueError',
      `Shape of passed values is (${values.length}, 1), indices imply (${rows}, ${labels.length})`,
    )
  }
  return { labels, columns: [inferColumn(values)], rows }
}

/** A list whose first element is a list: rows, the short ones filled with None. */
function frameOfRows(data: readonly PyObject[], columns: PyObject, index: PyObject): Frame {
  // What is null is asked for its length last.
  for (const row of data) if (!isMissing(row)) cells(row)
  const rows = data.map(cells)
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0)
  const labels = columnLabels(columns) ?? defaultLabels(width)
  if (labels.length !== width) {
    throw new PythonError(
      'ValueError',
      `${labels.length} columns passed, passed data had ${width} columns`,
    )
  }
  refuseFilledFrame(
    rows.length,
    width,
    rows.reduce((given, row) => given + row.length, 0),
  )
  const lists = labels.map((_, i) => rows.map((row) => row[i] ?? null))
  return frameOfLists(labels, lists, rows.length, index)
}

/** `list(row)`, as far as pandas asks for its length first. */
function cells(row: PyObject): readonly PyObject[] {
  if (isList(row)) return row
  if (isDict(row)) return [...row.keys()]
  if (typeof row === 'string') return [...row]
  throw new PythonError('TypeError', `object of type '${typeName(row)}' has no len()`)
}

/** A list whose first element is an object: missing keys are NaN. */
function frameOfRecords(data: readonly PyObject[], columns: PyObject, index: PyObject): Frame {
  const records = data.map(record)
  let labels = columnLabels(columns)
  if (labels === undefined) {
    const names = new Set<Label>()
    for (const one of records) for (const key of one.keys()) names.add(key)
    labels = [...names]
    refuseSurrogates(labels)
  }
  const odd = unhashableLabel(columns)
  if (odd !== undefined) throw unhashable(odd)
  refuseFilledFrame(
    records.length,
    labels.length,
    records.reduce((given, one) => given + one.size, 0),
  )
  const lists = labels.map((label) =>
    records.map((one) => {
      const value = one.get(label)
      return value === undefined ? Number.NaN : value
    }),
  )
  return frameOfLists(labels, lists, records.length, index)
}

/** Python's `dict(value)`: of an object, or of a list of pairs. */
function record(value: PyObject): ReadonlyMap<PyObject, PyObject> {
  if (isDict(value)) return value
  if (!isList(value) && typeof value !== 'string') {
    throw new PythonError('TypeError', `'${typeName(value)}' object is not iterable`)
  }
  return new Map([...value].map(pair))
}

function pair(value: PyObject, i: number): readonly [PyObject, PyObject] {
  if (!isList(value) && !isDict(value) && typeof value !== 'string') {
    throw new PythonError(
      'TypeError',
      `cannot convert dictionary update sequence element #${i} to a sequence`,
    )
  }
  const sequence = cells(value)
  const [key = null, held = null] = sequence
  if (sequence.length !== 2) {
    throw new PythonError(
      'ValueError',
      `dictionary update sequence element #${i} has length ${sequence.length}; 2 is required`,
    )
  }
  if (isList(key) || isDict(key)) throw unhashable(key)
  return [key, held]
}

function frameOfLists(
  labels: readonly Label[],
  lists: readonly (readonly PyObject[])[],
  rows: number,
  index: PyObject,
): Frame {
  const inferred = lists.map(inferColumn)
  const length = indexLength(index) ?? rows
  if (length > rows) refuseFilledFrame(length, lists.length, lists.length * rows)
  return { labels, columns: inferred.map((column) => fitIndex(column, length)), rows: length }
}
