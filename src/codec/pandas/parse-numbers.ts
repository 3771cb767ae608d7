import { BOOL, type Dtype, FLOAT64, INT64, UINT64 } from '../python/dtype.ts'
import { numericArray, setNumber } from '../python/numpy-convert.ts'
import { PythonError } from '../python/python-error.ts'
import { integerToFloat, parseInteger } from '../python/python-number.ts'
import {
  isDict,
  isList,
  isMissing,
  NdArray,
  PlainObject,
  type PyObject,
  plain,
} from '../python/python-object.ts'
import { stringRepr } from '../python/python-string.ts'

const NUMBER = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/
const INFINITE = /^\s*([+-]?)inf(?:inity)?\s*$/i

/**
 * `pandas.to_numeric(objects)` (pandas/_libs/lib.pyx, `maybe_convert_numeric`): text is parsed, None and empty text or
 * containers are NaN. Integers that no 64 bits hold stay objects, unless there are floats beside them.
 * @throws PythonError ValueError for other text, TypeError for other objects.
 */
export function parseNumbers(column: NdArray): NdArray {
  const numbers = (column.data as readonly PyObject[]).map((value, i) =>
    parseNumber(plain(value), i),
  )
  const dtype = dtypeOf(numbers)
  if (dtype === undefined) return column
  const data = numericArray(dtype, numbers.length)
  for (const [i, number] of numbers.entries()) {
    const value = typeof number === 'boolean' ? Number(number) : number
    setNumber(data, i, dtype.kind === 'f' ? Number(value) : value, dtype)
  }
  return new NdArray(dtype, column.shape, data)
}

type Parsed = number | bigint | boolean

function dtypeOf(numbers: readonly Parsed[]): Dtype | undefined {
  if (numbers.some((number) => typeof number === 'number')) return FLOAT64
  if (numbers.every((number) => typeof number === 'boolean')) return BOOL
  const integers = numbers.map(BigInt)
  const negative = integers.some((number) => number < 0n)
  const above = integers.some((number) => number >= 2n ** 63n)
  const beyond = integers.some((number) => number >= 2n ** 64n || number < -(2n ** 63n))
  if (beyond || (negative && above)) return undefined
  return above ? UINT64 : INT64
}

function parseNumber(value: PyObject, position: number): Parsed {
  if (isMissing(value)) return Number.NaN
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') {
    integerToFloat(value)
    return value
  }
  if (typeof value === 'string') return parseText(value, position)
  if (value instanceof Uint8Array) return parseText(Buffer.from(value).toString('latin1'), position)
  if (value instanceof PlainObject && value.type === 'Decimal') return Number(value.text)
  if (value instanceof NdArray && value.shape.length === 0) {
    throw new PythonError('TypeError', 'len() of unsized object')
  }
  const empty =
    (isList(value) && value.length === 0) ||
    (isDict(value) && value.size === 0) ||
    (value instanceof NdArray && value.shape[0] === 0)
  if (empty) return Number.NaN
  throw new PythonError('TypeError', `Invalid object type at position ${position}`)
}

function parseText(text: string, position: number): Parsed {
  if (text === '') return Number.NaN
  const infinite = INFINITE.exec(text)
  if (infinite !== null) {
    return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  if (!NUMBER.test(text)) {
    throw new PythonError(
      'ValueError',
      `Unable to parse string ${stringRepr(text)} at position ${position}`,
    )
  }
  return /^\s*[+-]?\d+\s*$/.test(text) ? parseInteger(text) : Number(text)
}
