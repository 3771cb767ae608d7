import { PythonError, surrogateError } from '../python/python-error.ts'
import { isDict, isList, type PyObject, typeName } from '../python/python-object.ts'
import { pythonRepr } from '../python/python-text.ts'
import type { Label } from './frame.ts'

/**
 * Labels of `columns`, or undefined where there are none. None among them is NaN, an integer beside a float a float.
 * A list of lists is a MultiIndex: its labels are tuples, held as lists, which no signature names.
 * @throws PythonError in pandas' words.
 */
export function columnLabels(columns: PyObject): readonly Label[] | undefined {
  const list = collection(columns)
  if (list === undefined) return undefined
  if (isLevels(list)) return tuples(list)
  refuseSurrogates(list)
  const floats =
    list.every(
      (label) => typeof label === 'number' || typeof label === 'bigint' || label === null,
    ) &&
    list.some((label) => typeof label === 'number' || label === null) &&
    list.some((label) => label !== null)
  return list.map((label) => {
    if (label === null) return list.every((other) => other === null) ? null : Number.NaN
    return floats ? Number(label) : label
  })
}

/** Rows that an `index` asks for; undefined where it is not given. */
export function indexLength(index: PyObject): number | undefined {
  const list = collection(index)
  if (list === undefined) return undefined
  return isLevels(list) ? tuples(list).length : list.length
}

/** The first label that Python cannot hash, if there is one: a list or an object among others. */
export function unhashableLabel(columns: PyObject): PyObject | undefined {
  if (!isList(columns) || isLevels(columns)) return undefined
  return columns.find((label) => isList(label) || isDict(label))
}

function isLevels(list: readonly PyObject[]): list is readonly (readonly PyObject[])[] {
  return list.length > 0 && list.every(isList)
}

function collection(value: PyObject): readonly PyObject[] | undefined {
  if (value === null) return undefined
  if (isList(value)) return value
  if (isDict(value)) return [...value.keys()]
  throw new PythonError(
    'TypeError',
    `Index(...) must be called with a collection of some kind, ${pythonRepr(value)} was passed`,
  )
}

function tuples(levels: readonly (readonly PyObject[])[]): readonly Label[] {
  const length = levels[0]?.length ?? 0
  if (levels.some((level) => level.length !== length)) {
    throw new PythonError('ValueError', 'all arrays must be same length')
  }
  for (const level of levels) {
    const odd = level.find((label) => isList(label) || isDict(label))
    if (odd !== undefined) throw unhashable(odd)
    refuseSurrogates(level)
  }
  return Array.from({ length }, (_, i) => levels.map((level) => level[i] ?? null))
}

export function unhashable(value: PyObject): PythonError {
  return new PythonError('TypeError', `unhashable type: '${typeName(value)}'`)
}

/** Labels that are all text become an index of text, which must be UTF-8. */
export function refuseSurrogates(labels: readonly Label[]): void {
  if (!labels.every((label) => typeof label === 'string' || label === null)) return
  for (const label of labels) {
    const error = typeof label === 'string' ? surrogateError(label) : undefined
    if (error !== undefined) throw error
  }
}
