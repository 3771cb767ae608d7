import type { DType } from './tensor.ts'

/** Scalar column types of an MLflow schema (mlflow/types/schema.py, `DataType`). */
export type ScalarType =
  | 'boolean'
  | 'integer'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'binary'
  | 'datetime'

/** Type of a column, or of what an array, object or map holds. */
export type ColumnType =
  | { readonly kind: 'scalar'; readonly type: ScalarType }
  | { readonly kind: 'array'; readonly items: ColumnType }
  | { readonly kind: 'object'; readonly properties: readonly PropertySpec[] }
  | { readonly kind: 'map'; readonly values: ColumnType }
  | { readonly kind: 'any' }
  | { readonly kind: 'sparkml_vector' }

export interface PropertySpec {
  readonly name: string
  readonly type: ColumnType
  readonly required: boolean
}

export interface ColumnSpec {
  /** Undefined in an unnamed schema. */
  readonly name: string | undefined
  readonly type: ColumnType
  readonly required: boolean
}

/** A tensor of a schema; `name` is undefined for a single unnamed tensor; -1 is a free dimension. */
export interface SchemaTensor {
  readonly name: string | undefined
  /** undefined for numpy types that ONNX has no match for (such as `datetime64[ns]`); `numpy` has the text. */
  readonly dtype: DType | undefined
  readonly numpy: string
  readonly shape: readonly number[]
}

/** All columns or all tensors, all named or all unnamed. */
export type Schema =
  | { readonly kind: 'columns'; readonly columns: readonly ColumnSpec[] }
  | { readonly kind: 'tensors'; readonly tensors: readonly SchemaTensor[] }

export interface ParamSpec {
  readonly name: string
  readonly type: ColumnType
  /** As JSON gives it; null where the file has null. */
  readonly default: unknown
  /** `[-1]` for a list, null for a scalar. */
  readonly shape: readonly number[] | null
}

/** Signature of an MLmodel file. */
export interface Signature {
  readonly inputs: Schema | undefined
  readonly outputs: Schema | undefined
  readonly params: readonly ParamSpec[] | undefined
  /** Inferred from Python type hints: only `inputs` is accepted, unenforced. */
  readonly fromTypeHints: boolean
}
