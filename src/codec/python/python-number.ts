import { PythonError } from './python-error.ts'
import { stringRepr } from './python-string.ts'

/** The text of a number with its surrounding space gone and digits of any script in ASCII, as `int()` and `float()` see it. */
function asciiNumber(text: string): string {
  if (ASCII.test(text)) return trimmed(text, /[ \t-\r]/)
  return trimmed(text, /[^\S\ufeff]/).replaceAll(/\p{Nd}/gu, (digit) => String(digitValue(digit)))
}

/** Character by character: one expression for both ends takes quadratic time on long runs of space. */
function trimmed(text: string, space: RegExp): string {
  let start = 0
  let end = text.length
  while (start < end && space.test(text.charAt(start))) start++
  while (end > start && space.test(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

const ASCII = /^[\0-\x7f]*$/

const MATHEMATICAL_ZERO = 0x1d7ce

/** Unicode keeps the ten digits of a script together, from zero up; the five mathematical sets follow one another. */
function digitValue(digit: string): number {
  const point = digit.codePointAt(0) ?? 0
  if (point >= MATHEMATICAL_ZERO && point < MATHEMATICAL_ZERO + 50)
    return (point - MATHEMATICAL_ZERO) % 10
  let zero = point
  while (/^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--
  return point - zero
}

const INTEGER = /^[+-]?\d+(?:_\d+)*$/
const FLOAT =
  /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/
const NAMED_FLOAT = /^([+-]?)(?:(inf|infinity)|nan)$/i

/** CPython's `sys.get_int_max_str_digits()`. */
const MAX_INT_DIGITS = 4300

/** Python's `int(text)`. @throws PythonError ValueError */
export function parseInteger(text: string): bigint {
  const ascii = asciiNumber(text)
  if (!INTEGER.test(ascii)) {
    throw new PythonError(
      'ValueError',
      `invalid literal for int() with base 10: ${stringRepr(text)}`,
    )
  }
  const digits = ascii.replaceAll(/[_+-]/g, '')
  if (digits.length > MAX_INT_DIGITS) {
    throw new PythonError(
      'ValueError',
      `Exceeds the limit (${MAX_INT_DIGITS} digits) for integer string conversion: value has ${digits.length} digits; use sys.set_int_max_str_digits() to increase the limit`,
    )
  }
  const size = BigInt(digits)
  return ascii.startsWith('-') ? -size : size
}

/** Python's `float(text)`. @throws PythonError ValueError */
export function parseFloatText(text: string): number {
  const ascii = asciiNumber(text)
  if (FLOAT.test(ascii)) return Number(ascii.replaceAll('_', ''))
  const named = NAMED_FLOAT.exec(ascii)
  if (named === null) {
    throw new PythonError('ValueError', `could not convert string to float: ${stringRepr(text)}`)
  }
  if (named[2] === undefined) return Number.NaN
  return named[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** Python's `int(number)`: truncated. @throws PythonError for NaN and infinities. */
export function truncate(value: number): bigint {
  if (Number.isNaN(value))
    throw new PythonError('ValueError', 'cannot convert float NaN to integer')
  if (!Number.isFinite(value)) {
    throw new PythonError('OverflowError', 'cannot convert float infinity to integer')
  }
  return BigInt(Math.trunc(value))
}

/** Python's `float(integer)`: rounded half to even. @throws PythonError OverflowError */
export function integerToFloat(value: bigint): number {
  const float = Number(value)
  if (!Number.isFinite(float))
    throw new PythonError('OverflowError', 'int too large to convert to float')
  return float
}
