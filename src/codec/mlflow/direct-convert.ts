import type { TypedArray } from '../../model/tensor.ts'
import type { NumberType } from './direct-plan.ts'

/** Rows of `width` numbers, `stride` apart. All are doubles; integers are exact, below 2^53. */
export interface NumberRows {
  readonly values: Float64Array
  readonly offset: number
  readonly stride: number
  readonly rows: number
  readonly width: number
}

type IntegerType = Exclude<NumberType, 'float32' | 'float64'>

/** Smallest and largest value of each integer type, as far as doubles count exactly. */
const RANGES: Readonly<Record<IntegerType, readonly [least: number, most: number]>> = {
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint8: [0, 0xff],
  uint16: [0, 0xffff],
  uint32: [0, 0xffffffff],
  uint64: [0, Number.MAX_SAFE_INTEGER],
}

export function isIntegerType(dtype: NumberType): dtype is IntegerType {
  return dtype !== 'float32' && dtype !== 'float64'
}

/**
 * The numbers as elements of `dtype`, in an array of their own. Floats round once; an integer out of range
 * (numpy refuses it, pandas wraps it) gives undefined.
 */
export function convertNumbers(numbers: NumberRows, dtype: NumberType): TypedArray | undefined {
  const { values, offset, stride, rows, width } = numbers
  if (stride !== width) return convertNumbers(gathered(numbers), dtype)
  const count = rows * width
  if (dtype === 'float64') return values.slice(offset, offset + count)
  if (dtype === 'float32') return toFloat32(values, offset, count)
  return isWithin(RANGES[dtype], values, offset, count)
    ? toIntegers(values.subarray(offset, offset + count), dtype)
    : undefined
}

/** Below this many elements a loop beats the constructor that converts a whole array. */
const SMALL = 128

function toFloat32(values: Float64Array, offset: number, count: number): Float32Array {
  if (count > SMALL) return new Float32Array(values.subarray(offset, offset + count))
  const converted = new Float32Array(count)
  for (let i = 0; i < count; i++) converted[i] = values[offset + i] as number
  return converted
}

function toIntegers(values: Float64Array, dtype: IntegerType): TypedArray {
  switch (dtype) {
    case 'int8':
      return new Int8Array(values)
    case 'int16':
      return new Int16Array(values)
    case 'int32':
      return new Int32Array(values)
    case 'uint8':
      return new Uint8Array(values)
    case 'uint16':
      return new Uint16Array(values)
    case 'uint32':
      return new Uint32Array(values)
    case 'int64':
      return toBigIntegers(values, new BigInt64Array(values.length))
    case 'uint64':
      return toBigIntegers(values, new BigUint64Array(values.length))
  }
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Written by halves: a BigInt for each element costs ten times as much. */
function toBigIntegers<Out extends BigInt64Array | BigUint64Array>(
  values: Float64Array,
  converted: Out,
): Out {
  const halves = new Int32Array(converted.buffer)
  const low = IS_LITTLE_ENDIAN ? 0 : 1
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const high = Math.floor(value / 2 ** 32)
    halves[2 * i + low] = value - high * 2 ** 32
    halves[2 * i + 1 - low] = high
  }
  return converted
}

function isWithin(
  [least, most]: readonly [number, number],
  values: Float64Array,
  offset: number,
  count: number,
): boolean {
  for (let i = offset; i < offset + count; i++) {
    const value = values[i] as number
    if (value < least || value > most) return false
  }
  return true
}

function gathered({ values, offset, stride, rows, width }: NumberRows): NumberRows {
  const dense = new Float64Array(rows * width)
  for (let row = 0, to = 0; row < rows; row++) {
    const from = offset + row * stride
    for (let i = 0; i < width; i++) dense[to++] = values[from + i] as number
  }
  return { values: dense, offset: 0, stride: width, rows, width }
}

/** A column of the matrix that `DataFrame.values` makes: one number a row. */
export interface MatrixColumn {
  readonly offset: number
  readonly stride: number
  readonly dtype: NumberType
}

/**
 * Columns side by side as doubles, each rounded to its own type before it widens.
 * @returns undefined when an integer does not fit its column's type
 */
export function joinColumns(
  values: Float64Array,
  columns: readonly MatrixColumn[],
  rows: number,
): Float64Array | undefined {
  const width = columns.length
  const joined = new Float64Array(rows * width)
  for (const [column, { offset, stride, dtype }] of columns.entries()) {
    const [least, most] = isIntegerType(dtype) ? RANGES[dtype] : ANY
    const isSingle = dtype === 'float32'
    for (let row = 0; row < rows; row++) {
      const value = values[offset + row * stride] as number
      if (value < least || value > most) return undefined
      joined[row * width + column] = isSingle ? Math.fround(value) : value
    }
  }
  return joined
}

const ANY = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const
