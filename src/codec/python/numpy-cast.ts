import { float16ToNumber } from '../../model/float16.ts'
import { type Dtype, OBJECT } from './dtype.ts'
import { convertElements, numericArray, setNumber } from './numpy-convert.ts'
import { PythonError } from './python-error.ts'
import { element, isList, isMissing, NdArray, type PyObject } from './python-object.ts'
import { pythonText } from './python-text.ts'

/**
 * `array.astype(dtype)` between numeric dtypes with C's conversions, which wrap and truncate.
 * A float that no integer of the type holds becomes what x86-64's conversions give: the least integer of 32 or 64 bits.
 */
export function castNumbers(array: NdArray, dtype: Dtype): NdArray {
  if (array.dtype.name === dtype.name) return array
  const { data } = array
  const out = numericArray(dtype, data.length)
  const half = array.dtype.name === 'float16'
  for (let i = 0; i < data.length; i++) {
    const raw = data[i]
    if (typeof raw !== 'number' && typeof raw !== 'bigint') throw new TypeError('Expected numbers')
    const value = half ? float16ToNumber(Number(raw)) : raw
    setNumber(out, i, castNumber(value, dtype), dtype)
  }
  return new NdArray(dtype, array.shape, out)
}

function castNumber(value: number | bigint, dtype: Dtype): number | bigint {
  if (dtype.kind === 'b') return Number(value) !== 0 ? 1 : 0
  if (dtype.kind === 'f') return Number(value)
  const bits = 8 * dtype.itemsize
  const integer = typeof value === 'bigint' ? value : floatToInteger(value, dtype)
  return dtype.kind === 'u' ? BigInt.asUintN(bits, integer) : BigInt.asIntN(bits, integer)
}

const INT32_MIN = -(2n ** 31n)
const INT64_MIN = -(2n ** 63n)

/** `cvttsd2si` has a 32 bit and a 64 bit form; both give their least integer for what they cannot hold. */
function floatToInteger(value: number, dtype: Dtype): bigint {
  const wide = dtype.itemsize === 8 || dtype.name === 'uint32'
  if (dtype.name === 'uint64' && value >= 2 ** 63) return value < 2 ** 64 ? BigInt(value) : 0n
  if (!Number.isFinite(value)) return wide ? INT64_MIN : INT32_MIN
  const integer = BigInt(Math.trunc(value))
  if (wide) return integer >= INT64_MIN && integer < 2n ** 63n ? integer : INT64_MIN
  return integer >= INT32_MIN && integer < 2n ** 31n ? integer : INT32_MIN
}

const NON_FINITE =
  'Cannot convert non-finite values (NA or inf) to integer. Replace or remove non-finite values or ' +
  "cast to an integer type that supports these values (e.g. 'Int64')"

/**
 * `series.astype(dtype)` (pandas/core/dtypes/astype.py): numbers as numpy casts them, objects and text one by one.
 * @throws PythonError for NaN among integers, and for values that do not convert.
 */
export function castColumn(column: NdArray, dtype: Dtype): NdArray {
  if (dtype.kind === 'U') return asText(column)
  const toInteger = dtype.kind === 'i' || dtype.kind === 'u'
  if (column.dtype.kind === 'f' && toInteger) refuseUnfit(column, dtype)
  if (
    column.dtype.kind === 'T' &&
    toInteger &&
    (column.data as readonly PyObject[]).some(isMissing)
  ) {
    throw new PythonError('ValueError', 'cannot convert float NaN to integer')
  }
  return castArray(column, dtype)
}

/**
 * `array.astype(dtype)` of numpy: C's casts between numbers, Python's conversions of text and objects.
 * @throws PythonError for values that do not convert.
 */
export function castArray(array: NdArray, dtype: Dtype): NdArray {
  const from = array.dtype
  if (from.name === dtype.name) return array
  if ('biuf'.includes(from.kind) && 'biuf'.includes(dtype.kind)) return castNumbers(array, dtype)
  const values = Array.from({ length: array.data.length }, (_, i) => element(array, i))
  if (dtype.kind === 'O') return new NdArray(OBJECT, array.shape, values)
  if ((dtype.kind === 'U' || dtype.kind === 'S') && values.some(isList)) {
    throw new PythonError('ValueError', 'setting an array element with a sequence')
  }
  const converted = convertElements(values, dtype)
  return new NdArray(converted.dtype, array.shape, converted.data)
}

function refuseUnfit(column: NdArray, dtype: Dtype): void {
  const length = column.data.length
  for (let i = 0; i < length; i++) {
    if (!Number.isFinite(Number(element(column, i))))
      throw new PythonError('IntCastingNaNError', NON_FINITE)
  }
  if (dtype.kind !== 'u') return
  for (let i = 0; i < length; i++) {
    if (Number(element(column, i)) < 0) {
      throw new PythonError(
        'ValueError',
        `Cannot losslessly cast from ${column.dtype.name} to ${dtype.name}`,
      )
    }
  }
}

/** Text of each value, None and NaN among them. */
function asText(column: NdArray): NdArray {
  const values = Array.from({ length: column.data.length }, (_, i) => element(column, i))
  return new NdArray(OBJECT, column.shape, values.map(pythonText))
}
