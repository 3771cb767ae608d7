import { PythonError } from '../python/python-error.ts'
import { isList, type PyObject } from '../python/python-object.ts'
import { pythonRepr } from '../python/python-text.ts'

/**
 * Refuses data that lacks a required name of the signature.
 * @throws PythonError MlflowException naming what is missing and what was not expected.
 */
export function requireNames(
  required: readonly string[],
  optional: readonly string[],
  actual: Iterable<PyObject>,
  hideDetails: boolean,
): void {
  const names = new Set(actual)
  const missing = required.filter((name) => !names.has(name))
  if (missing.length === 0) return
  const known = new Set<PyObject>([...required, ...optional])
  const extra = [...names].filter((name) => !known.has(name))
  if (hideDetails) {
    const extras = extra.length > 0 ? ' Note that there were extra inputs provided.' : ''
    throw new PythonError(
      'MlflowException',
      `Input schema validation failed. Mismatched or missing input(s).${extras}`,
    )
  }
  // Python's order of a set is random; ours is that of the printed names.
  const extraText = extra.map(labelText).sort().join(', ')
  const note = extra.length > 0 ? ` Note that there were extra inputs: [${extraText}].` : ''
  throw new PythonError(
    'MlflowException',
    `Model is missing inputs [${missing.map(pythonRepr).join(', ')}].${note}`,
  )
}

/** Labels that are lists stand for the tuples of a MultiIndex. */
function labelText(label: PyObject): string {
  if (!isList(label)) return pythonRepr(label)
  return `(${label.map(pythonRepr).join(', ')}${label.length === 1 ? ',' : ''})`
}
