import type { ColumnType } from '../../model/signature.ts'
import { PythonError } from '../python/python-error.ts'

/** What pandas raises for two columns of one name, where the cast to this type needs a single one; undefined where it does not. */
export function repeatedColumnError(type: ColumnType): PythonError | undefined {
  if (type.kind !== 'scalar') return undefined
  switch (type.type) {
    case 'string':
      return noDtype()
    case 'boolean':
      return new PythonError(
        'ValueError',
        'The truth value of a Series is ambiguous. Use a.empty, a.bool(), a.item(), a.any() or a.all().',
      )
    case 'datetime':
      return new PythonError('ValueError', 'cannot assemble with duplicate keys')
    default:
      return undefined
  }
}

/** Two columns of one name are a frame, and a frame has no dtype. */
export function noDtype(): PythonError {
  return new PythonError('AttributeError', "'DataFrame' object has no attribute 'dtype'")
}
