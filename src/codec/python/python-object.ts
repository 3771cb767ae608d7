import { float16ToNumber } from '../../model/float16.ts'
import type { TypedArray } from '../../model/tensor.ts'
import type { Dtype, TimeUnit } from './dtype.ts'

/**
 * A value as the Python server would hold it while it reads a request: what JSON gives, and what numpy and pandas make
 * of it. `number` is a Python float, `bigint` an int, a Map a dict, a Uint8Array bytes.
 */
export type PyObject =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | readonly PyObject[]
  | ReadonlyMap<string, PyObject>
  | NumpyScalar
  | NdArray
  | Timestamp
  | PlainObject

/** Elements of an array by its dtype's kind: numbers typed (float16 as its 16 bits), datetimes as counts of their unit. */
export type ArrayData = TypedArray | readonly string[] | readonly Uint8Array[] | readonly PyObject[]

/** numpy's ndarray, or a pandas column. Row-major, and never changed once made. */
export class NdArray {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: ArrayData

  constructor(dtype: Dtype, shape: readonly number[], data: ArrayData) {
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }
}

/** A numpy scalar such as `np.int64(1)`; a datetime64 holds the count of its unit. */
export class NumpyScalar {
  readonly dtype: Dtype
  readonly value: boolean | bigint | number | string | Uint8Array

  constructor(dtype: Dtype, value: boolean | bigint | number | string | Uint8Array) {
    this.dtype = dtype
    this.value = value
  }
}

/** The count that numpy and pandas take for "not a time". */
export const NOT_A_TIME = -(2n ** 63n)

/** pandas' Timestamp, or NaT: a count of `unit` since 1970. */
export class Timestamp {
  readonly count: bigint
  readonly unit: TimeUnit
  /** `UTC` where it is aware of its zone. */
  readonly zone: string | undefined

  constructor(count: bigint, unit: TimeUnit, zone?: string) {
    this.count = count
    this.unit = unit
    this.zone = zone
  }

  get isMissing(): boolean {
    return this.count === NOT_A_TIME
  }
}

/** An object of Python's standard library, such as a Parquet column may hold. */
export class PlainObject {
  /** `type(value).__name__` */
  readonly type: 'date' | 'time' | 'Decimal' | 'tuple'
  /** `str(value)` */
  readonly text: string
  /** `repr(value)` */
  readonly repr: string

  constructor(type: PlainObject['type'], text: string, repr: string) {
    this.type = type
    this.text = text
    this.repr = repr
  }
}

export type PyDict = ReadonlyMap<string, PyObject>

export function isDict(value: PyObject): value is PyDict {
  return value instanceof Map
}

export function isList(value: PyObject): value is readonly PyObject[] {
  return Array.isArray(value)
}

/** `type(value).__name__` */
export function typeName(value: PyObject): string {
  if (value === null) return 'NoneType'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'string':
      return 'str'
    default:
      return objectTypeName(value)
  }
}

function objectTypeName(
  value: Exclude<PyObject, null | boolean | bigint | number | string>,
): string {
  if (value instanceof NdArray) return 'ndarray'
  if (value instanceof NumpyScalar) return scalarTypeName(value.dtype)
  if (value instanceof Timestamp) return value.isMissing ? 'NaTType' : 'Timestamp'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof PlainObject) return value.type
  return isDict(value) ? 'dict' : 'list'
}

function scalarTypeName(dtype: Dtype): string {
  if (dtype.kind === 'U') return 'str_'
  if (dtype.kind === 'S') return 'bytes_'
  if (dtype.kind === 'M') return 'datetime64'
  return dtype.kind === 'b' ? 'bool' : dtype.name
}

/** `str(type(value))` */
export function typeText(value: PyObject): string {
  const name = typeName(value)
  if (value instanceof NdArray || value instanceof NumpyScalar) return `<class 'numpy.${name}'>`
  if (value instanceof Timestamp) {
    return `<class 'pandas._libs.tslibs.${value.isMissing ? 'nattype' : 'timestamps'}.${name}'>`
  }
  return `<class '${value instanceof PlainObject ? MODULES[value.type] : ''}${name}'>`
}

const MODULES = { date: 'datetime.', time: 'datetime.', Decimal: 'decimal.', tuple: '' } as const

/** `numpy.isscalar`: neither None nor a container, and no Timestamp. */
export function isNumpyScalar(value: PyObject): boolean {
  if (value === null) return false
  return typeof value !== 'object' || value instanceof NumpyScalar || value instanceof Uint8Array
}

/** `bool(value)`. Arrays of several elements, which have none, do not come here. */
export function isTruthy(value: PyObject): boolean {
  if (value === null) return false
  if (typeof value !== 'object') return typeof value === 'number' ? value !== 0 : Boolean(value)
  if (value instanceof NumpyScalar) return isTruthy(value.value)
  if (value instanceof Timestamp || value instanceof PlainObject) return true
  if (value instanceof NdArray) return value.data.length > 0 && isTruthy(element(value, 0))
  return isDict(value) ? value.size > 0 : value.length > 0
}

/** What pandas calls missing (`pandas.isna`) of one value; containers are not. */
export function isMissing(value: PyObject): boolean {
  if (value === null) return true
  if (typeof value === 'number') return Number.isNaN(value)
  if (value instanceof Timestamp) return value.isMissing
  if (value instanceof NumpyScalar) {
    return value.dtype.kind === 'M' ? value.value === NOT_A_TIME : Number.isNaN(value.value)
  }
  return false
}

/** The element at a flat position as a Python object: what `.tolist()` and `.astype(object)` give. */
export function element(array: NdArray, i: number): PyObject {
  const value = array.data[i]
  if (value === undefined) throw new RangeError(`No element ${i} in ${array.data.length}`)
  switch (array.dtype.kind) {
    case 'b':
      return value === 1
    case 'i':
    case 'u':
      return typeof value === 'number' ? BigInt(value) : value
    case 'f':
      return array.dtype.itemsize === 2 ? float16ToNumber(Number(value)) : value
    case 'M':
      return timestampOf(typeof value === 'bigint' ? value : NOT_A_TIME, array.dtype)
    default:
      return value
  }
}

function timestampOf(count: bigint, { unit = 'ns', zone }: Dtype): Timestamp {
  return new Timestamp(count, unit, zone)
}

/** The element at a flat position as `array[i]` gives it: a numpy scalar, but for object and pandas dtypes. */
export function item(array: NdArray, i: number): PyObject {
  const value = element(array, i)
  if (array.dtype.kind === 'O' || array.dtype.kind === 'T' || value === null) return value
  if (value instanceof Timestamp) return new NumpyScalar(array.dtype, value.count)
  if (typeof value === 'object' && !(value instanceof Uint8Array)) return value
  return new NumpyScalar(array.dtype, value)
}

/** A value on its own, stripped of numpy: `.item()`. */
export function plain(value: PyObject): PyObject {
  if (!(value instanceof NumpyScalar)) return value
  if (value.dtype.kind === 'M')
    return new Timestamp(BigInt(String(value.value)), value.dtype.unit ?? 'ns')
  return value.value
}
