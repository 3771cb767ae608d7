import type { ColumnType, ScalarType } from './signature.ts'
import { DTYPES, type DType } from './tensor.ts'

/** Whether every value of one type is a value of another: `other` where that is not so, or not sure. */
export type Width = 'same' | 'wider' | 'other'

/**
 * Columns that take what another type took, in every form a request can have: MLflow converts a column where nothing
 * is lost (mlflow/models/utils.py, `_enforce_mlflow_datatype`), and from int64 to float64 something is.
 */
const WIDER_SCALARS: Readonly<Partial<Record<ScalarType, readonly ScalarType[]>>> = {
  integer: ['long', 'double'],
  float: ['double'],
}

/** How a column's new type takes the values of its old one. */
export function columnWidth(before: ColumnType, after: ColumnType): Width {
  if (columnTypeText(before) === columnTypeText(after)) return 'same'
  if (after.kind === 'any') return 'wider'
  if (before.kind === 'scalar' && after.kind === 'scalar') {
    return WIDER_SCALARS[before.type]?.includes(after.type) ? 'wider' : 'other'
  }
  if (before.kind === 'array' && after.kind === 'array') return inner(before.items, after.items)
  if (before.kind === 'map' && after.kind === 'map') return inner(before.values, after.values)
  if (before.kind === 'object' && after.kind === 'object') return objectWidth(before, after)
  return 'other'
}

type ObjectType = Extract<ColumnType, { readonly kind: 'object' }>

/** MLflow refuses properties that the schema does not name, so none may go. */
function objectWidth(before: ObjectType, after: ObjectType): Width {
  const known = new Map(before.properties.map((property) => [property.name, property]))
  for (const property of after.properties) {
    const old = known.get(property.name)
    known.delete(property.name)
    const optionalBefore = old !== undefined && !old.required
    if (property.required && (old === undefined || optionalBefore)) return 'other'
    if (old !== undefined && columnWidth(old.type, property.type) === 'other') return 'other'
  }
  return known.size > 0 ? 'other' : 'wider'
}

function inner(before: ColumnType, after: ColumnType): Width {
  return columnWidth(before, after) === 'other' ? 'other' : 'wider'
}

/** A column's type as people write it. */
export function columnTypeText(type: ColumnType): string {
  switch (type.kind) {
    case 'scalar':
      return type.type
    case 'array':
      return `array of ${columnTypeText(type.items)}`
    case 'map':
      return `map of ${columnTypeText(type.values)}`
    case 'object': {
      const properties = type.properties.map(
        ({ name, type: of, required }) => `${name}${required ? '' : '?'}: ${columnTypeText(of)}`,
      )
      return `{${properties.join(', ')}}`
    }
    default:
      return type.kind
  }
}

/** How an element type takes the values of another: by numpy's safe casts within integers and within floats. */
export function dtypeWidth(before: DType, after: DType): Width {
  if (before === after) return 'same'
  const old = numberKind(before)
  const now = numberKind(after)
  if (old === undefined || now === undefined) return 'other'
  const larger = DTYPES[after].bytes > DTYPES[before].bytes
  const takes = old === now || (old === 'uint' && now === 'int')
  return takes && larger ? 'wider' : 'other'
}

/** Whether JSON writes both as whole numbers. */
export function areIntegers(a: DType, b: DType): boolean {
  return [a, b].every((dtype) => ['int', 'uint'].includes(numberKind(dtype) ?? ''))
}

function numberKind(dtype: DType): string | undefined {
  return /^(u?int|float)\d+$/.exec(dtype)?.[1]
}

/** A tensor as people write it, such as `float32 [-1,3]`. */
export function tensorText(dtype: string, shape: readonly number[]): string {
  return `${dtype} [${shape.join(',')}]`
}
