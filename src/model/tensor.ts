import { ServingError } from '../errors.ts'

/** Row-major numbers of a tensor. `bool` is one byte 0/1, `float16` its raw 16 bits, `string` text. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[]

export type TypedArray = Exclude<TensorData, readonly string[]>

type TypedArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | Uint8ArrayConstructor
  | Uint16ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor

interface DTypeRow {
  /** numpy's name, as MLmodel signatures write it. */
  readonly numpy: string
  /** Open Inference Protocol `datatype`. */
  readonly oip: string
  /** Bytes an element; 0 where it varies. */
  readonly bytes: number
  /** Array type of the elements; undefined for strings. */
  readonly array: TypedArrayConstructor | undefined
}

/**
 * The one table of element types. Its keys are ONNX Runtime's JavaScript names (onnxruntime-common,
 * `Tensor.Type`), so that they pass to the engine as they are.
 */
export const DTYPES = {
  bool: { numpy: 'bool', oip: 'BOOL', bytes: 1, array: Uint8Array },
  int8: { numpy: 'int8', oip: 'INT8', bytes: 1, array: Int8Array },
  int16: { numpy: 'int16', oip: 'INT16', bytes: 2, array: Int16Array },
  int32: { numpy: 'int32', oip: 'INT32', bytes: 4, array: Int32Array },
  int64: { numpy: 'int64', oip: 'INT64', bytes: 8, array: BigInt64Array },
  uint8: { numpy: 'uint8', oip: 'UINT8', bytes: 1, array: Uint8Array },
  uint16: { numpy: 'uint16', oip: 'UINT16', bytes: 2, array: Uint16Array },
  uint32: { numpy: 'uint32', oip: 'UINT32', bytes: 4, array: Uint32Array },
  uint64: { numpy: 'uint64', oip: 'UINT64', bytes: 8, array: BigUint64Array },
  float16: { numpy: 'float16', oip: 'FP16', bytes: 2, array: Uint16Array },
  float32: { numpy: 'float32', oip: 'FP32', bytes: 4, array: Float32Array },
  float64: { numpy: 'float64', oip: 'FP64', bytes: 8, array: Float64Array },
  string: { numpy: 'object', oip: 'BYTES', bytes: 0, array: undefined },
} as const satisfies Record<string, DTypeRow>

export type DType = keyof typeof DTYPES

/** An n-dimensional array: `shape` has no -1, and `data` holds exactly its product, row-major. */
export interface Tensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TensorData
}

/** Tensors by input or output name, in the model's order. */
export type NamedTensors = Readonly<Record<string, Tensor>>

/** An input or output of a model; -1 (or a symbol that an engine reports) is a free dimension. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Number of elements of a shape: 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const dimension of shape) count *= dimension
  return count
}

/**
 * A zeroed array for `count` elements of `dtype` (empty strings for `string`).
 * @throws ServingError INTERNAL when the count is not a whole number from 0 up.
 */
export function allocate(dtype: DType, count: number): TypedArray | string[] {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new ServingError('INTERNAL', `Expected an element count from 0 up, got ${count}`)
  }
  const array = DTYPES[dtype].array
  return array === undefined ? new Array<string>(count).fill('') : new array(count)
}

/** Whether the data is text rather than a typed array. */
export function isStringData(data: TensorData): data is readonly string[] {
  return Array.isArray(data)
}
