import { ServingError } from '../errors.ts'
import type { ColumnType, PropertySpec, ScalarType } from './signature.ts'
import { isRecord } from './signature-json.ts'

const SCALAR_TYPES: readonly ScalarType[] = [
  'boolean',
  'integer',
  'long',
  'float',
  'double',
  'string',
  'binary',
  'datetime',
]

/**
 * The type of a column, or of what an array, object or map holds (mlflow/types/schema.py, `from_json_dict`).
 * @throws ServingError MODEL_INVALID naming `where` it stands.
 */
export function parseColumnType(record: Record<string, unknown>, where: string): ColumnType {
  switch (record.type) {
    case 'array':
      return { kind: 'array', items: parseInner(record.items, `${where}.items`) }
    case 'object':
      return parseObjectType(record, where)
    case 'map':
      return { kind: 'map', values: parseInner(record.values, `${where}.values`) }
    case 'any':
      return { kind: 'any' }
    case 'sparkml_vector':
      return { kind: 'sparkml_vector' }
    default:
      return scalarType(record.type, where)
  }
}

export function scalarType(name: unknown, where: string): ColumnType {
  const type = SCALAR_TYPES.find((known) => known === name)
  if (type !== undefined) return { kind: 'scalar', type }
  throw new ServingError(
    'MODEL_INVALID',
    `Expected ${where} to have one of the types ${SCALAR_TYPES.join(', ')}, array, object, map, any; got ${JSON.stringify(name)}`,
  )
}

/** Properties come sorted by name, as MLflow keeps them. */
export function parseObjectType(record: Record<string, unknown>, where: string): ColumnType {
  const properties = record.properties
  if (!isRecord(properties) || Object.keys(properties).length === 0) {
    throw new ServingError('MODEL_INVALID', `Expected ${where} to have properties`)
  }
  const specs: PropertySpec[] = Object.entries(properties).map(([name, value]) => ({
    name,
    type: parseInner(value, `${where}.${name}`),
    required: isRecord(value) ? (value.required ?? true) === true : true,
  }))
  specs.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { kind: 'object', properties: specs }
}

function parseInner(value: unknown, where: string): ColumnType {
  if (isRecord(value)) return parseColumnType(value, where)
  throw new ServingError('MODEL_INVALID', `Expected ${where} to be a JSON object with a type`)
}
