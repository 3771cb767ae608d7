import type { DType } from '../../model/tensor.ts'

export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

/**
 * A numpy dtype, or a pandas one beside them: kind as numpy writes it (`b i u f U S O M`) and `T` for pandas' own
 * string type, in which missing values are NaN.
 */
export interface Dtype {
  readonly kind: 'b' | 'i' | 'u' | 'f' | 'U' | 'S' | 'O' | 'M' | 'T'
  /** `str(dtype)`; two dtypes are equal when their names are. */
  readonly name: string
  /** Bytes an element. */
  readonly itemsize: number
  /** Of a datetime. */
  readonly unit?: TimeUnit
  /** Of a pandas datetime with a time zone. */
  readonly zone?: string
}

function numeric(kind: 'b' | 'i' | 'u' | 'f', name: string, itemsize: number): Dtype {
  return { kind, name, itemsize }
}

export const BOOL = numeric('b', 'bool', 1)
const INT8 = numeric('i', 'int8', 1)
const INT16 = numeric('i', 'int16', 2)
export const INT32 = numeric('i', 'int32', 4)
export const INT64 = numeric('i', 'int64', 8)
const UINT8 = numeric('u', 'uint8', 1)
const UINT16 = numeric('u', 'uint16', 2)
const UINT32 = numeric('u', 'uint32', 4)
export const UINT64 = numeric('u', 'uint64', 8)
const FLOAT16 = numeric('f', 'float16', 2)
export const FLOAT32 = numeric('f', 'float32', 4)
export const FLOAT64 = numeric('f', 'float64', 8)
export const OBJECT: Dtype = { kind: 'O', name: 'object', itemsize: 8 }
export const PANDAS_STRING: Dtype = { kind: 'T', name: 'str', itemsize: 8 }
export const DATETIME_NS = datetimeType('ns')

/** numpy text of a fixed width, in characters. Width 0 is `np.dtype("str")`: the width is then the data's. */
export function textType(width: number): Dtype {
  return { kind: 'U', name: `<U${width}`, itemsize: 4 * width }
}

/** numpy bytes of a fixed width. Width 0 is `np.dtype("bytes")`. */
export function bytesType(width: number): Dtype {
  return { kind: 'S', name: `|S${width}`, itemsize: width }
}

export function datetimeType(unit: TimeUnit, zone?: string): Dtype {
  if (zone === undefined) return { kind: 'M', name: `datetime64[${unit}]`, itemsize: 8, unit }
  return { kind: 'M', name: `datetime64[${unit}, ${zone}]`, itemsize: 8, unit, zone }
}

const BY_NAME: ReadonlyMap<string, Dtype> = new Map(
  [BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT16, FLOAT32, FLOAT64]
    .concat(OBJECT)
    .map((dtype) => [dtype.name, dtype]),
)

/** The dtype that numpy's own name means (`float32`, `str`, `bytes`, `object`, `datetime64[ns]`); undefined for others. */
export function dtypeNamed(name: string): Dtype | undefined {
  if (name === 'str') return textType(0)
  if (name === 'bytes') return bytesType(0)
  const unit = /^datetime64\[(s|ms|us|ns)\]$/.exec(name)?.[1]
  return unit === undefined ? BY_NAME.get(name) : datetimeType(unit as TimeUnit)
}

export function isNumeric(dtype: Dtype): boolean {
  return dtype.kind === 'b' || dtype.kind === 'i' || dtype.kind === 'u' || dtype.kind === 'f'
}

/** The ONNX element type that ONNX Runtime makes of an array of this dtype; undefined where it has none. */
export function onnxType(dtype: Dtype): DType | undefined {
  if (isNumeric(dtype)) return dtype.name as DType
  return dtype.kind === 'U' || dtype.kind === 'S' || dtype.kind === 'O' ? 'string' : undefined
}

/** The dtype that holds values of both (`numpy.promote_types`), of numbers. */
export function promote(a: Dtype, b: Dtype): Dtype {
  if (a.name === b.name) return a
  if (a.kind === 'b') return b
  if (b.kind === 'b') return a
  if (a.kind === b.kind) return a.itemsize >= b.itemsize ? a : b
  if (a.kind === 'f' || b.kind === 'f') return promoteFloat(a, b)
  return promoteSigned(a.kind === 'i' ? a : b, a.kind === 'i' ? b : a)
}

/** A float takes the integers that fit its mantissa: 8 bits float16, 16 bits float32, else float64. */
function promoteFloat(a: Dtype, b: Dtype): Dtype {
  const float = a.kind === 'f' ? a : b
  const integer = a.kind === 'f' ? b : a
  const needed = Math.min(8, 2 * integer.itemsize)
  if (float.itemsize >= needed) return float
  return needed === 4 ? FLOAT32 : FLOAT64
}

function promoteSigned(signed: Dtype, unsigned: Dtype): Dtype {
  if (signed.itemsize > unsigned.itemsize) return signed
  const wider = 2 * unsigned.itemsize
  return wider === 2 ? INT16 : wider === 4 ? INT32 : wider === 8 ? INT64 : FLOAT64
}
