import { PER_SECOND, timestampText } from '../python/calendar.ts'
import { DATETIME_NS, datetimeType, type TimeUnit } from '../python/dtype.ts'
import { PythonError } from '../python/python-error.ts'
import {
  isMissing,
  NdArray,
  NOT_A_TIME,
  NumpyScalar,
  PlainObject,
  type PyObject,
  Timestamp,
  typeText,
} from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { isMissingTime, readPandasTime } from './pandas-time.ts'

/**
 * A datetime column in nanoseconds, as DataType.datetime is.
 * @throws PythonError OutOfBoundsDatetime for years that nanoseconds do not reach.
 */
export function toNanosecondColumn(column: NdArray): NdArray {
  const { dtype, data } = column
  const unit = dtype.unit ?? 'ns'
  if (unit === 'ns' || !(data instanceof BigInt64Array)) return column
  const factor = PER_SECOND.ns / PER_SECOND[unit]
  const counts = BigInt64Array.from(data, (count) => {
    if (count === NOT_A_TIME) return count
    const wide = count * factor
    if (wide > NOT_A_TIME && wide < 2n ** 63n) return wide
    throw outOfBounds(count, unit)
  })
  const to = datetimeType('ns', dtype.zone)
  return new NdArray(to, column.shape, counts)
}

function outOfBounds(count: bigint, unit: TimeUnit): PythonError {
  const text = timestampText(count, unit)
    .replace(/\.\d+$/, '')
    .replace(/^(-?)0+(?=\d)/, '$1')
  return new PythonError('OutOfBoundsDatetime', `Out of bounds nanosecond timestamp: ${text}`)
}

/**
 * `series.astype("datetime64[ns]")` of a datetime column in any unit, or of objects.
 * @throws PythonError ValueError or TypeError for objects that are no moments.
 */
export function astypeTime(column: NdArray): NdArray {
  if (column.dtype.kind === 'M') return toNanosecondColumn(column)
  const values = column.data as readonly PyObject[]
  const isWhole = values.every((value) => typeof value === 'bigint')
  const counts = BigInt64Array.from(values, (value) => objectNanoseconds(value, isWhole))
  return new NdArray(DATETIME_NS, column.shape, counts)
}

/** @param isWhole whether all objects of the column are integers: what is too large is another error then. */
function objectNanoseconds(value: PyObject, isWhole: boolean): bigint {
  if (isMissing(value)) return NOT_A_TIME
  if (value instanceof Timestamp) return nanoseconds(value.count, value.unit)
  if (value instanceof NumpyScalar && typeof value.value === 'bigint' && value.dtype.unit) {
    return nanoseconds(value.value, value.dtype.unit)
  }
  if (typeof value === 'bigint' || typeof value === 'number') return countOf(value, isWhole)
  if (typeof value === 'string') return naiveNanoseconds(value)
  if (value instanceof PlainObject && value.type === 'date') return naiveNanoseconds(value.text)
  throw new PythonError('TypeError', `${typeText(value)} is not convertible to datetime`)
}

function nanoseconds(count: bigint, unit: TimeUnit): bigint {
  return count * (PER_SECOND.ns / PER_SECOND[unit])
}

function countOf(value: bigint | number, isWhole: boolean): bigint {
  if (value >= -(2 ** 63) && value < 2 ** 63) {
    return typeof value === 'bigint' ? value : BigInt(Math.trunc(value))
  }
  if (isWhole) throw new PythonError('OverflowError', 'Python int too large to convert to C long')
  throw outOfNanoseconds(value)
}

function outOfNanoseconds(value: bigint | number): PythonError {
  const message = `cannot convert input ${pythonText(value)} with the unit 'ns'`
  return new PythonError('OutOfBoundsDatetime', message)
}

function naiveNanoseconds(text: string): bigint {
  if (isMissingTime(text)) return NOT_A_TIME
  const { nanoseconds, zone } = readPandasTime(text)
  if (zone === undefined) return nanoseconds
  throw new PythonError('ValueError', 'Cannot mix tz-aware with tz-naive values')
}
