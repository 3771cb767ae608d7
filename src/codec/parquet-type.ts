import type { SchemaElement, SchemaTree } from 'hyparquet'

export type ParquetTimeUnit = 'ms' | 'us' | 'ns'

/** What a column holds, in Arrow's terms. */
export type ParquetType =
  | { readonly kind: 'bool' | 'string' | 'binary' | 'date' | 'null' }
  | { readonly kind: 'integer'; readonly bits: number; readonly isSigned: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'time'; readonly unit: ParquetTimeUnit }
  | { readonly kind: 'timestamp'; readonly unit: ParquetTimeUnit; readonly isUtc: boolean }
  | { readonly kind: 'list'; readonly items: ParquetType }
  | { readonly kind: 'map'; readonly keys: ParquetType; readonly values: ParquetType }
  | { readonly kind: 'struct'; readonly fields: readonly ParquetField[] }

export interface ParquetField {
  readonly name: string
  readonly type: ParquetType
}

/** The type of a column or of a part of one. Annotations follow parquet-format's LogicalTypes.md. */
export function parquetType(node: SchemaTree): ParquetType {
  const { element } = node
  const isRepeated = element.repetition_type === 'REPEATED'
  const type = node.children.length > 0 ? groupType(node) : leafType(element)
  return isRepeated ? { kind: 'list', items: type } : type
}

function groupType(node: SchemaTree): ParquetType {
  const { logical_type: logical, converted_type: converted } = node.element
  const [entry] = node.children
  if (entry !== undefined && (logical?.type === 'LIST' || converted === 'LIST')) {
    const [item] = entry.children
    const items = entry.children.length === 1 && item !== undefined ? item : entry
    return { kind: 'list', items: items === entry ? unrepeated(entry) : parquetType(items) }
  }
  if (logical?.type === 'MAP' || converted === 'MAP' || converted === 'MAP_KEY_VALUE') {
    const [keys, values] = entry?.children ?? []
    if (keys !== undefined && values !== undefined) {
      return { kind: 'map', keys: parquetType(keys), values: parquetType(values) }
    }
  }
  const fields = node.children.map((child) => ({
    name: child.element.name,
    type: parquetType(child),
  }))
  return { kind: 'struct', fields }
}

function unrepeated(node: SchemaTree): ParquetType {
  return parquetType({ ...node, element: { ...node.element, repetition_type: 'REQUIRED' } })
}

const UNITS = { MILLIS: 'ms', MICROS: 'us', NANOS: 'ns' } as const

function leafType(element: SchemaElement): ParquetType {
  return annotatedType(element) ?? physicalType(element)
}

function annotatedType(element: SchemaElement): ParquetType | undefined {
  const { logical_type: logical } = element
  switch (logical?.type) {
    case 'NULL':
      return { kind: 'null' }
    case 'FLOAT16':
      return { kind: 'float', bits: 16 }
    case 'DECIMAL':
      return { kind: 'decimal', scale: logical.scale }
    case 'TIME':
      return { kind: 'time', unit: UNITS[logical.unit] }
    case 'TIMESTAMP':
      return { kind: 'timestamp', unit: UNITS[logical.unit], isUtc: logical.isAdjustedToUTC }
    case 'INTEGER':
      return { kind: 'integer', bits: logical.bitWidth, isSigned: logical.isSigned }
    case 'STRING':
    case 'ENUM':
    case 'JSON':
      return { kind: 'string' }
    case 'DATE':
      return { kind: 'date' }
    default:
      return convertedType(element)
  }
}

/** By the annotation that files had before logical types. */
function convertedType(element: SchemaElement): ParquetType | undefined {
  const { converted_type: converted = '' } = element
  const integer = /^(U?)INT_(8|16|32|64)$/.exec(converted)
  if (integer !== null) {
    return { kind: 'integer', bits: Number(integer[2]), isSigned: integer[1] === '' }
  }
  return CONVERTED[converted] ?? (converted === 'DECIMAL' ? decimalType(element) : undefined)
}

const CONVERTED: Readonly<Partial<Record<string, ParquetType>>> = {
  UTF8: { kind: 'string' },
  ENUM: { kind: 'string' },
  JSON: { kind: 'string' },
  DATE: { kind: 'date' },
  TIME_MILLIS: { kind: 'time', unit: 'ms' },
  TIME_MICROS: { kind: 'time', unit: 'us' },
  TIMESTAMP_MILLIS: { kind: 'timestamp', unit: 'ms', isUtc: true },
  TIMESTAMP_MICROS: { kind: 'timestamp', unit: 'us', isUtc: true },
}

function decimalType(element: SchemaElement): ParquetType {
  return { kind: 'decimal', scale: element.scale ?? 0 }
}

function physicalType({ type }: SchemaElement): ParquetType {
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'bool' }
    case 'INT32':
      return { kind: 'integer', bits: 32, isSigned: true }
    case 'INT64':
      return { kind: 'integer', bits: 64, isSigned: true }
    case 'INT96':
      return { kind: 'timestamp', unit: 'ns', isUtc: false }
    case 'FLOAT':
      return { kind: 'float', bits: 32 }
    case 'DOUBLE':
      return { kind: 'float', bits: 64 }
    default:
      return { kind: 'binary' }
  }
}
