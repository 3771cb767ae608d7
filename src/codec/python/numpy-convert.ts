import { allocate, type TypedArray } from '../../model/tensor.ts'
import { PER_SECOND } from './calendar.ts'
import { bytesType, type Dtype, textType } from './dtype.ts'
import { numberToFloat16 } from './float16.ts'
import { parseNumpyTime } from './numpy-time.ts'
import { encodeError, PythonError } from './python-error.ts'
import { integerToFloat, parseFloatText, parseInteger, truncate } from './python-number.ts'
import {
  type ArrayData,
  isList,
  isTruthy,
  NOT_A_TIME,
  type PyObject,
  plain,
  Timestamp,
  typeName,
} from './python-object.ts'
import { pythonRepr, pythonText } from './python-text.ts'

interface Typed {
  readonly dtype: Dtype
  readonly data: ArrayData
}

/**
 * Python objects as elements of a dtype, as `numpy.array(list, dtype)` converts each: integers are checked against
 * the type's bounds, text is parsed, None is NaN for floats. Text and bytes get the width of the longest.
 * @throws PythonError in numpy's words.
 */
export function convertElements(values: readonly PyObject[], dtype: Dtype): Typed {
  switch (dtype.kind) {
    case 'U':
      return convertText(values, dtype)
    case 'S': {
      const data = values.map((value) => asciiBytes(plain(value)))
      return { dtype: bytesType(longest(data, dtype.itemsize)), data: data.map(dropNulBytes) }
    }
    case 'O':
    case 'T':
      return { dtype, data: values }
    case 'M':
      return { dtype, data: BigInt64Array.from(values, (value) => toNanoseconds(plain(value))) }
    default:
      return { dtype, data: convertNumbers(values, dtype) }
  }
}

function convertText(values: readonly PyObject[], dtype: Dtype): Typed {
  const data = values.map((value) => textOf(plain(value)))
  const width = longest(
    data.map((text) => ({ length: codePoints(text) })),
    dtype.itemsize / 4,
  )
  return { dtype: textType(width), data: data.map(dropNuls) }
}

function textOf(value: PyObject): string {
  if (!(value instanceof Uint8Array)) return pythonText(value)
  const foreign = value.findIndex((byte) => byte > 0x7f)
  if (foreign === -1) return Buffer.from(value).toString('latin1')
  const byte = value[foreign]?.toString(16)
  throw new PythonError(
    'UnicodeDecodeError',
    `'ascii' codec can't decode byte 0x${byte} in position ${foreign}: ordinal not in range(128)`,
  )
}

/** numpy's text ends at its last character that is no NUL. */
function dropNuls(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--
  return text.slice(0, end)
}

function longest(values: readonly { readonly length: number }[], least: number): number {
  return values.reduce((width, value) => Math.max(width, value.length), Math.max(1, least))
}

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function asciiBytes(value: PyObject): Uint8Array {
  if (value instanceof Uint8Array) return value
  const text = pythonText(value)
  const foreign = /[^\0-\x7f]+/.exec(text)
  if (foreign !== null) {
    const end = foreign.index + foreign[0].length
    throw encodeError('ascii', text, foreign.index, end, 'ordinal not in range(128)')
  }
  return Buffer.from(text, 'latin1')
}

function dropNulBytes(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

function convertNumbers(values: readonly PyObject[], dtype: Dtype): TypedArray {
  const data = numericArray(dtype, values.length)
  for (let i = 0; i < values.length; i++) {
    const value = plain(values[i] ?? null)
    setNumber(data, i, convertNumber(value, dtype), dtype)
  }
  return data
}

function convertNumber(value: PyObject, dtype: Dtype): number | bigint {
  if (dtype.kind === 'b') return isTruthy(value) ? 1 : 0
  return dtype.kind === 'f' ? toFloat(value) : boundedInteger(toInteger(value), dtype)
}

/** A zeroed array for `count` numbers of a numeric dtype. */
export function numericArray(dtype: Dtype, count: number): TypedArray {
  const data = allocate(dtype.name as 'float64', count)
  if (Array.isArray(data)) throw new TypeError(`${dtype.name} is not numeric`)
  return data
}

/** Stores a number that fits the dtype; a float is rounded to it. */
export function setNumber(data: TypedArray, i: number, value: number | bigint, dtype: Dtype): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    data[i] = typeof value === 'bigint' ? value : BigInt(value)
  } else {
    data[i] = dtype.name === 'float16' ? numberToFloat16(Number(value)) : Number(value)
  }
}

/** Python's `int(value)`. */
function toInteger(value: PyObject): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return truncate(value)
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'string') return parseInteger(value)
  if (value instanceof Uint8Array) return parseBytes(value, parseInteger)
  const got = `not '${typeName(value)}'`
  throw new PythonError(
    'TypeError',
    `int() argument must be a string, a bytes-like object or a real number, ${got}`,
  )
}

/** Text that Python takes as bytes too; the refusal quotes them. */
function parseBytes<T>(bytes: Uint8Array, parse: (text: string) => T): T {
  const text = Buffer.from(bytes).toString('latin1')
  try {
    if (bytes.every((byte) => byte < 0x80)) return parse(text)
    return parse('x')
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    const opening = error.message.slice(0, error.message.indexOf(": '") + 2)
    throw new PythonError(error.type, `${opening}${pythonRepr(bytes)}`)
  }
}

/** Python's `float(value)`, and NaN for None as numpy has it. */
function toFloat(value: PyObject): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return integerToFloat(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string') return parseFloatText(value)
  if (value instanceof Uint8Array) return parseBytes(value, parseFloatText)
  if (value === null) return Number.NaN
  if (isList(value))
    throw new PythonError('ValueError', 'setting an array element with a sequence.')
  const got = `not '${typeName(value)}'`
  throw new PythonError('TypeError', `float() argument must be a string or a real number, ${got}`)
}

const LONG_MIN = -(2n ** 63n)

/** Smallest and largest integer of an integer dtype. */
function integerBounds(dtype: Dtype): readonly [bigint, bigint] {
  const bits = BigInt(8 * dtype.itemsize)
  return dtype.kind === 'u' ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
}

/** numpy goes by a C long first, unsigned for the unsigned types of 32 bits and more. */
function boundedInteger(value: bigint, dtype: Dtype): bigint {
  const longMax = dtype.kind === 'u' && dtype.itemsize >= 4 ? 2n ** 64n - 1n : 2n ** 63n - 1n
  if (value < LONG_MIN || value > longMax) {
    throw new PythonError('OverflowError', 'Python int too large to convert to C long')
  }
  const [least, most] = integerBounds(dtype)
  if (value >= least && value <= most) return value
  throw new PythonError('OverflowError', `Python integer ${value} out of bounds for ${dtype.name}`)
}

function toNanoseconds(value: PyObject): bigint {
  if (value === null) return NOT_A_TIME
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'string') return parseNumpyTime(value, 'ns')
  if (typeof value === 'bigint') {
    if (value >= LONG_MIN && value < 2n ** 63n) return value
    throw new PythonError('OverflowError', 'int too big to convert')
  }
  if (value instanceof Timestamp) return value.count * (PER_SECOND.ns / PER_SECOND[value.unit])
  throw new PythonError('ValueError', 'Could not convert object to NumPy datetime')
}
