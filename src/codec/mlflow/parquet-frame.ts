import type { ParquetColumn, ParquetTable, ParquetValue } from '../parquet.ts'
import type { ParquetType } from '../parquet-type.ts'
import { timestampText } from './calendar.ts'
import {
  BOOL,
  type Dtype,
  datetimeType,
  dtypeNamed,
  FLOAT64,
  OBJECT,
  PANDAS_STRING,
} from './dtype.ts'
import { numberToFloat16 } from './float16.ts'
import type { Frame } from './frame.ts'
import { numericArray, setNumber } from './numpy-convert.ts'
import { NdArray, NOT_A_TIME, PlainObject, type PyObject, Timestamp } from './python-object.ts'
import { pythonRepr } from './python-text.ts'

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
  return arrayOf(type, values, PANDAS_STRING)
}

/** pyarrow's `Array.to_pandas()`: missing values make integers float64 and booleans objects. */
function arrayOf(type: ParquetType, values: readonly ParquetValue[], text: Dtype): NdArray {
  const hasMissing = values.includes(null)
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
      return objects(values.map((value) => objectOf(type, value)))
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

/** The Python object of a cell that no numpy type holds, or of a part of one. */
function objectOf(type: ParquetType, value: ParquetValue): PyObject {
  if (value === null) return null
  switch (type.kind) {
    case 'list':
      return arrayOf(type.items, value as readonly ParquetValue[], OBJECT)
    case 'map':
      return (value as readonly (readonly [ParquetValue, ParquetValue])[]).map(([key, item]) =>
        tuple(objectOf(type.keys, key), objectOf(type.values, item)),
      )
    case 'struct': {
      const struct = value as ReadonlyMap<string, ParquetValue>
      return new Map(
        type.fields.map((field) => [
          field.name,
          objectOf(field.type, struct.get(field.name) ?? null),
        ]),
      )
    }
    case 'timestamp':
      return new Timestamp(value as bigint, type.unit, type.isUtc ? 'UTC' : undefined)
    case 'date':
      return dateObject(value as number)
    case 'time':
      return timeObject(value as bigint, type.unit)
    case 'decimal':
      return decimalObject(value as bigint, type.scale)
    case 'integer':
      return BigInt(value as number | bigint)
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

function decimalObject(digits: bigint, scale: number): PlainObject {
  const size = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  const point = size.length - scale
  const text = `${digits < 0n ? '-' : ''}${size.slice(0, point)}${scale > 0 ? `.${size.slice(point)}` : ''}`
  return new PlainObject('Decimal', text, `Decimal('${text}')`)
}
