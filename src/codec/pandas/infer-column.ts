import {
  BOOL,
  type Dtype,
  datetimeType,
  FLOAT64,
  INT64,
  OBJECT,
  PANDAS_STRING,
  UINT64,
} from '../python/dtype.ts'
import { numericArray, setNumber } from '../python/numpy-convert.ts'
import { surrogateError } from '../python/python-error.ts'
import {
  isMissing,
  NdArray,
  NumpyScalar,
  type PyObject,
  plain,
  Timestamp,
} from '../python/python-object.ts'

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

/** What a column's values are, as far as its dtype depends on it. */
interface Seen {
  missing: number
  nan: number
  bool: number
  int: number
  float: number
  text: number
  time: number
  negative: boolean
  aboveInt64: boolean
  /** An integer that no 64 bits hold. */
  huge: boolean
}

/**
 * The column that pandas makes of a list of values (pandas/_libs/lib.pyx, `maybe_convert_objects`): numbers with None
 * are float64, text with None or NaN is pandas' string, a mixture stays objects.
 * @throws PythonError UnicodeEncodeError for a lone surrogate in a column of text.
 */
export function inferColumn(values: readonly PyObject[]): NdArray {
  const narrow = sameNumpyType(values)
  const dtype = narrow ?? inferDtype(values)
  return column(values, dtype)
}

function column(values: readonly PyObject[], dtype: Dtype): NdArray {
  const shape = [values.length]
  if (dtype.kind === 'O') return new NdArray(dtype, shape, values)
  if (dtype.kind === 'T') return textColumn(values)
  if (dtype.kind === 'M') return timeColumn(values, dtype)
  const data = numericArray(dtype, values.length)
  for (let i = 0; i < values.length; i++) {
    const value = plain(values[i] ?? null)
    const number = value === null ? Number.NaN : typeof value === 'boolean' ? Number(value) : value
    if (typeof number === 'number' || typeof number === 'bigint') setNumber(data, i, number, dtype)
  }
  return new NdArray(dtype, shape, data)
}

/** Text, with NaN for what is missing. */
export function textColumn(values: readonly PyObject[]): NdArray {
  const data = values.map((value) => {
    const text = plain(value)
    if (typeof text !== 'string') return Number.NaN
    const error = surrogateError(text)
    if (error !== undefined) throw error
    return text
  })
  return new NdArray(PANDAS_STRING, [values.length], data)
}

function timeColumn(values: readonly PyObject[], dtype: Dtype): NdArray {
  const counts = BigInt64Array.from(values, (value) => {
    const time = plain(value)
    return time instanceof Timestamp ? time.count : INT64_MIN
  })
  return new NdArray(dtype, [values.length], counts)
}

/** Numpy scalars of one dtype keep it; mixed with anything else they count as Python's. */
function sameNumpyType(values: readonly PyObject[]): Dtype | undefined {
  const first = values[0]
  if (!(first instanceof NumpyScalar) || !'biufM'.includes(first.dtype.kind)) return undefined
  const same = values.every(
    (value) => value instanceof NumpyScalar && value.dtype.name === first.dtype.name,
  )
  return same ? first.dtype : undefined
}

function inferDtype(values: readonly PyObject[]): Dtype {
  const seen = lookAt(values)
  if (seen === undefined) return OBJECT
  const { missing, nan, bool, int, float, text, time } = seen
  const numbers = int + float
  if (text > 0) return text + missing + nan === values.length ? PANDAS_STRING : OBJECT
  if (time > 0) return time + missing + nan === values.length ? timeDtype(values) : OBJECT
  if (bool > 0) return bool === values.length ? BOOL : OBJECT
  if (numbers + nan === 0) return OBJECT
  return numberDtype(seen)
}

function numberDtype(seen: Seen): Dtype {
  if (seen.huge || (seen.negative && seen.aboveInt64)) return OBJECT
  if (seen.float + seen.nan + seen.missing > 0) return FLOAT64
  return seen.aboveInt64 ? UINT64 : INT64
}

function timeDtype(values: readonly PyObject[]): Dtype {
  for (const value of values) {
    const time = plain(value)
    if (time instanceof Timestamp && !time.isMissing) return datetimeType(time.unit)
  }
  return datetimeType('s')
}

/** Counts the kinds of value; undefined when one of them is none of these. */
function lookAt(values: readonly PyObject[]): Seen | undefined {
  const seen: Seen = {
    missing: 0,
    nan: 0,
    bool: 0,
    int: 0,
    float: 0,
    text: 0,
    time: 0,
    negative: false,
    aboveInt64: false,
    huge: false,
  }
  const known = values.every((value) => lookAtValue(plain(value), seen))
  return known ? seen : undefined
}

/** Whether the value is of a kind that is counted. */
function lookAtValue(value: PyObject, seen: Seen): boolean {
  if (typeof value === 'bigint') lookAtInteger(value, seen)
  else if (typeof value === 'number') seen[Number.isNaN(value) ? 'nan' : 'float']++
  else if (typeof value === 'string') seen.text++
  else if (typeof value === 'boolean') seen.bool++
  else if (value instanceof Timestamp) seen.time++
  else if (isMissing(value)) seen.missing++
  else return false
  return true
}

function lookAtInteger(value: bigint, seen: Seen): void {
  seen.int++
  if (value < 0n) seen.negative = true
  if (value > INT64_MAX) seen.aboveInt64 = true
  if (value < INT64_MIN || value > UINT64_MAX) seen.huge = true
}
