import { numpyTime } from '../python/calendar.ts'
import { readNumpyTime } from '../python/numpy-time.ts'
import { PythonError } from '../python/python-error.ts'
import { type PyObject, typeText } from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'

/** A `datetime.date`, or a `datetime.datetime` to the microsecond. */
export interface Moment {
  readonly isDate: boolean
  /** Microseconds since 1970. */
  readonly microseconds: bigint
}

const FINER_THAN_PYTHON: ReadonlySet<string> = new Set(['ns', 'ps', 'fs', 'as'])
const DATE_UNITS: ReadonlySet<string> = new Set(['Y', 'M', 'D'])

/**
 * `numpy.datetime64(value).item()` of a datetime param; undefined for NaT.
 * @throws PythonError MlflowException where that is no date or datetime of Python's.
 */
export function paramMoment(value: PyObject): Moment | undefined {
  const time = typeof value === 'string' ? read(value) : refuse(value)
  if (time === undefined) return undefined
  const microseconds = time.seconds * 1_000_000n + time.attoseconds / 10n ** 12n
  const year = numpyTime(microseconds, 'us').split('-')[0] ?? ''
  if (FINER_THAN_PYTHON.has(time.unit) || !/^\d{4}$/.test(year) || year === '0000') {
    throw new PythonError(
      'MlflowException',
      'Failed to convert value to `DataType.datetime`. ' +
        `It must be convertible to datetime.date/datetime, got \`${pythonText(value)}\``,
    )
  }
  return { isDate: DATE_UNITS.has(time.unit), microseconds }
}

function read(value: string): ReturnType<typeof readNumpyTime> {
  try {
    return readNumpyTime(value)
  } catch (error) {
    if (error instanceof PythonError) return refuse(value)
    throw error
  }
}

function refuse(value: PyObject): never {
  throw new PythonError(
    'MlflowException',
    `Failed to convert value \`${pythonText(value)}\` from type \`${typeText(value)}\` to \`DataType.datetime\``,
  )
}
