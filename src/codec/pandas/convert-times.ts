import { PER_SECOND, timestampText } from '../python/calendar.ts'
import { DATETIME_NS, datetimeType } from '../python/dtype.ts'
import { PythonError } from '../python/python-error.ts'
import {
  element,
  isMissing,
  NdArray,
  NOT_A_TIME,
  type PyObject,
  Timestamp,
  typeText,
} from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { toNanosecondColumn } from './datetime.ts'
import { isMissingTime, type PandasTime, readPandasTime } from './pandas-time.ts'
import { TimeFormat } from './strptime.ts'

const INT64_END = 2n ** 63n

/**
 * `pandas.to_datetime(column)` in nanoseconds: integers and floats are nanoseconds since 1970, text must follow the format
 * of the first one. Text with zones makes a column with a zone.
 * @throws PythonError in pandas' words.
 */
export function convertTimes(column: NdArray): NdArray {
  switch (column.dtype.kind) {
    case 'M':
      return toNanosecondColumn(column)
    case 'i':
    case 'u':
    case 'f':
      return counts(column, (i) => fromNumber(element(column, i)))
    case 'b':
      throw new PythonError('TypeError', 'dtype bool cannot be converted to datetime64[ns]')
    default:
      return fromObjects(column)
  }
}

function counts(column: NdArray, count: (i: number) => bigint): NdArray {
  const length = column.shape[0] ?? 0
  return new NdArray(
    DATETIME_NS,
    [length],
    BigInt64Array.from({ length }, (_, i) => count(i)),
  )
}

function fromNumber(value: PyObject): bigint {
  if (typeof value === 'bigint') {
    if (value >= NOT_A_TIME && value < INT64_END) return value
    throw new PythonError('OutOfBoundsDatetime', `cannot convert input ${value} with the unit 'ns'`)
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return NOT_A_TIME
  const count = BigInt(Math.trunc(value))
  return count > NOT_A_TIME && count < INT64_END ? count : NOT_A_TIME
}

function fromObjects(column: NdArray): NdArray {
  const values = column.data as readonly PyObject[]
  const first = values.find(
    (value) => !isMissing(value) && !(typeof value === 'string' && isMissingTime(value)),
  )
  const format = typeof first === 'string' ? guessedFormat(first) : undefined
  const zones = new Set<number | undefined>()
  const read = (text: string): PandasTime =>
    format === undefined ? readPandasTime(text) : format.read(text)
  const made = counts(column, (i) => {
    const value = values[i] ?? null
    if (isMissing(value)) return NOT_A_TIME
    if (typeof value !== 'string' && format === undefined) {
      zones.add(undefined)
      return fromObject(value)
    }
    const text = pythonText(value)
    if (isMissingTime(text)) return NOT_A_TIME
    const time = read(text)
    zones.add(time.zone)
    return inBounds(time.nanoseconds)
  })
  if (zones.size > 1) {
    throw new PythonError(
      'ValueError',
      "Mixed timezones detected. Pass utc=True in to_datetime or tz='UTC' in DatetimeIndex to convert to a common timezone.",
    )
  }
  const [zone] = zones
  return zone === undefined ? made : new NdArray(datetimeType('ns', 'UTC'), made.shape, made.data)
}

function guessedFormat(text: string): TimeFormat | undefined {
  try {
    const { format } = readPandasTime(text)
    const guess = format === undefined ? undefined : new TimeFormat(format)
    return guess?.fits(text) ? guess : undefined
  } catch (error) {
    if (error instanceof PythonError) return undefined
    throw error
  }
}

function fromObject(value: PyObject): bigint {
  if (typeof value === 'bigint' || typeof value === 'number') return fromNumber(value)
  if (value instanceof Timestamp) return value.count * (PER_SECOND.ns / PER_SECOND[value.unit])
  throw new PythonError('TypeError', `${typeText(value)} is not convertible to datetime`)
}

function inBounds(nanoseconds: bigint): bigint {
  if (nanoseconds > NOT_A_TIME && nanoseconds < INT64_END) return nanoseconds
  const text = timestampText(nanoseconds, 'ns')
    .replace(/\.\d+$/, '')
    .replace(/^(-?)0+(?=\d)/, '$1')
  throw new PythonError('OutOfBoundsDatetime', `Out of bounds nanosecond timestamp: ${text}`)
}
