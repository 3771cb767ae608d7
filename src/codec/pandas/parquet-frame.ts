import type { ParquetColumn, ParquetTable, ParquetValue } from '../parquet.ts'
import type { ParquetField, ParquetType } from '../parquet-type.ts'
import { timestampText } from '../python/calendar.ts'
import {
  BOOL,
  type Dtype,
  datetimeType,
  dtypeNamed,
  FLOAT64,
  OBJECT,
  PANDAS_STRING,
} from '../python/dtype.ts'
import { numberToFloat16 } from '../python/float16.ts'
import { numericArray, setNumber } from '../python/numpy-convert.ts'
import {
  NdArray,
  NOT_A_TIME,
  PlainObject,
  type PyObject,
  Timestamp,
} from '../python/python-object.ts'
import { pythonRepr } from '../python/python-text.ts'
import type { Frame } from './frame.ts'

/** The frame that `pandas.read_parquet` makes of a table, without its index. */
export function parquetFrame(table: ParquetTable): Frame {
  const index = indexNames(table.pandas)
  const columns = table.columns.filter((column) => !index.has(column.name))
  return {
    labels: columns.map((column) => column.name),
    columns: columns.map(columnArray),
    rows: table.rows,
  }
}

/** Columns that pandas wrote for its index; a range is described, not written. */
function indexNames(pandas: string | undefined): ReadonlySet<unknown> {
  if (pandas === undefined) return new Set()
  try {
    const { index_columns: names } = JSON.parse(pandas) as { readonly index_columns?: unknown }
    return new Set(Array.isArray(names) ? names : [])
  } catch {
    return new Set()
  }
}

function columnArray({ type, values }: ParquetColumn): NdArray {
  return arrayOf(type, values, values.includes(null), PANDAS_STRING)
}

/**
 * pyarrow's `Array.to_pandas()`: missing values make integers float64 and booleans objects. `hasMissing` is for the whole
 * column that these values are a part of.
 */
function arrayOf(
  type: ParquetType,
  values: readonly ParquetValue[],
  hasMissing: boolean,
  text: Dtype,
): NdArray {
  switch (type.kind) {
    case 'bool':
      return hasMissing ? objects(values) : numbers(BOOL, values)
    case 'integer': {
      const name = `${type.isSigned ? '' : 'u'}int${type.bits}`
      return numbers(hasMissing ? FLOAT64 : (dtypeNamed(name) ?? FLOAT64), values)
    }
    case 'float':
      return numbers(dtypeNamed(`float${type.bits}`) ?? FLOAT64, values)
    case 'string':
      return texts(values, text)
    case 'timestamp':
      return times(values, datetimeType(type.unit, type.isUtc ? 'UTC' : undefined))
    default:
      return objects(cellObjects(type, values))
  }
}

function objects(values: readonly PyObject[]): NdArray {
  return new NdArray(OBJECT, [values.length], values)
}

function numbers(dtype: Dtype, values: readonly ParquetValue[]): NdArray {
  const data = numericArray(dtype, values.length)
  for (const [i, value] of values.entries()) {
    if (dtype.name === 'float16') data[i] = numberToFloat16(Number(value ?? Number.NaN))
    else setNumber(data, i, numberOf(value), dtype)
  }
  return new NdArray(dtype, [values.length], data)
}

function numberOf(value: ParquetValue): number | bigint {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  return value === null ? Number.NaN : Number(value)
}

function texts(values: readonly ParquetValue[], dtype: Dtype): NdArray {
  const missing = dtype.kind === 'T' ? Number.NaN : null
  const data = values.map((value) => (typeof value === 'string' ? value : missing))
  return new NdArray(dtype, [values.length], data)
}

function times(values: readonly ParquetValue[], dtype: Dtype): NdArray {
  const counts = BigInt64Array.from(values, (value) =>
    typeof value === 'bigint' ? value : NOT_A_TIME,
  )
  return new NdArray(dtype, [values.length], counts)
}

/** The Python objects of the cells of a column, or of what its cells hold. */
function cellObjects(type: ParquetType, values: readonly ParquetValue[]): readonly PyObject[] {
  switch (type.kind) {
    case 'list':
      return listObjects(type.items, values as readonly (readonly ParquetValue[] | null)[])
    case 'map':
      return mapObjects(type, values as readonly (readonly Pair[] | null)[])
    case 'struct':
      return structObjects(type.fields, values as readonly (Struct | null)[])
    case 'integer': {
      // one missing value makes floats of all
      const hasMissing = values.includes(null)
      return values.map((value) => (value === null ? null : wholeNumber(value, hasMissing)))
    }
    default:
      return values.map((value) => (value === null ? null : cellObject(type, value)))
  }
}

type Pair = readonly [key: ParquetValue, value: ParquetValue]
type Struct = ReadonlyMap<string, ParquetValue>

function wholeNumber(value: ParquetValue, asFloat: boolean): PyObject {
  return asFloat ? Number(value) : BigInt(value as number | bigint)
}

/** Arrays: numbers by their type, all else as objects. */
function listObjects(
  items: ParquetType,
  lists: readonly (readonly ParquetValue[] | null)[],
): readonly PyObject[] {
  const hasMissing = lists.some((list) => list?.includes(null))
  return lists.map((list) => list && arrayOf(items, list, hasMissing, OBJECT))
}

/** Lists of tuples. */
function mapObjects(
  type: Extract<ParquetType, { kind: 'map' }>,
  maps: readonly (readonly Pair[] | null)[],
): readonly PyObject[] {
  const pairs = maps.flatMap((map) => map ?? [])
  const keys = cellObjects(
    type.keys,
    pairs.map(([key]) => key),
  )
  const values = cellObjects(
    type.values,
    pairs.map(([, value]) => value),
  )
  let next = 0
  return maps.map(
    (map) => map?.map(() => tuple(keys[next] ?? null, values[next++] ?? null)) ?? null,
  )
}

function structObjects(
  fields: readonly ParquetField[],
  structs: readonly (Struct | null)[],
): readonly PyObject[] {
  const columns = fields.map(({ name, type }) => ({
    name,
    cells: cellObjects(
      type,
      structs.map((struct) => struct?.get(name) ?? null),
    ),
  }))
  return structs.map(
    (struct, row) =>
      struct && new Map(columns.map(({ name, cells }) => [name, cells[row] ?? null])),
  )
}

function cellObject(type: ParquetType, value: NonNullable<ParquetValue>): PyObject {
  switch (type.kind) {
    case 'timestamp':
      return new Timestamp(value as bigint, type.unit, type.isUtc ? 'UTC' : undefined)
    case 'date':
      return dateObject(value as number)
    case 'time':
      return timeObject(value as bigint, type.unit)
    case 'decimal':
      return decimalObject(value as bigint, type.scale)
    default:
      return value as boolean | number | string | Uint8Array
  }
}

function tuple(...items: readonly PyObject[]): PlainObject {
  const text = `(${items.map(pythonRepr).join(', ')})`
  return new PlainObject('tuple', text, text)
}

function dateObject(days: number): PlainObject {
  const text = timestampText(BigInt(days) * 86_400n, 's').slice(0, -' 00:00:00'.length)
  const [year, month, day] = text.split('-').map(Number)
  return new PlainObject('date', text, `datetime.date(${year}, ${month}, ${day})`)
}

const MICROSECONDS = { ms: 1000n, us: 1n, ns: 1n } as const

function timeObject(count: bigint, unit: keyof typeof MICROSECONDS): PlainObject {
  const microseconds = unit === 'ns' ? count / 1000n : count * MICROSECONDS[unit]
  const text = timestampText(microseconds, 'us').slice('1970-01-01 '.length)
  const parts = text.split(/[:.]/).map(Number)
  return new PlainObject('time', text, `datetime.time(${parts.join(', ')})`)
}

/** Python's `str(Decimal)`: in scientific form where more than six zeros would follow the point. */
function decimalObject(value: bigint, scale: number): PlainObject {
  const digits = String(value < 0n ? -value : value)
  const sign = value < 0n ? '-' : ''
  const left = digits.length - scale
  const text = `${sign}${left > -6 ? plainDecimal(digits, scale) : scientificDecimal(digits, left - 1)}`
  return new PlainObject('Decimal', text, `Decimal('${text}')`)
}

function plainDecimal(digits: string, scale: number): string {
  if (scale <= 0) return digits + '0'.repeat(-scale)
  const size = digits.padStart(scale + 1, '0')
  return `${size.slice(0, -scale)}.${size.slice(-scale)}`
}

function scientificDecimal(digits: string, exponent: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${digits.charAt(0)}${fraction}E${exponent}`
}
