/** Types of MLflow's column signatures, as MLmodel has them. */
export type ScalarName =
  | 'boolean'
  | 'integer'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'binary'
  | 'datetime'
export type ColumnType =
  | { readonly type: ScalarName | 'any' }
  | { readonly type: 'array'; readonly items: ColumnType }
  | { readonly type: 'map'; readonly values: ColumnType }
  | { readonly type: 'object'; readonly properties: Readonly<Record<string, Property>> }
export type Property = ColumnType & { readonly required: boolean }
export type Column = ColumnType & { readonly name?: string; readonly required: boolean }

export interface TensorColumn {
  readonly type: 'tensor'
  readonly name?: string
  readonly 'tensor-spec': { readonly dtype: string; readonly shape: readonly number[] }
}

export interface Param {
  readonly name: string
  readonly type: string
  readonly default: unknown
  readonly shape: readonly number[] | null
  readonly properties?: Readonly<Record<string, Property>>
}

export interface GraphValue {
  readonly name: string
  /** Element type of ONNX. */
  readonly dtype: string
  /** Names are free dimensions. */
  readonly shape: readonly (number | string)[]
}

export type Inputs =
  | { readonly kind: 'none' }
  | { readonly kind: 'columns'; readonly columns: readonly Column[] }
  | { readonly kind: 'tensors'; readonly tensors: readonly TensorColumn[] }

/** A model to make: a graph that copies or casts its inputs to its outputs, and the signature to save it with. */
export interface ModelShape {
  readonly inputs: Inputs
  readonly params: readonly Param[] | undefined
  readonly graph: readonly GraphValue[]
  readonly outputs: readonly (GraphValue & { readonly input: string })[]
}

/** What the helper process reads: a name, and the signature as text, as in MLmodel. */
export interface ModelSpec {
  readonly name: string
  readonly inputs: readonly GraphValue[]
  readonly outputs: ModelShape['outputs']
  readonly signature: { readonly inputs?: string; readonly params?: string } | null
}

export function specOf(name: string, { inputs, params, graph, outputs }: ModelShape): ModelSpec {
  const listed = { none: undefined, columns: 'columns', tensors: 'tensors' } as const
  const key = listed[inputs.kind]
  const schema = key === undefined ? undefined : (inputs as Record<string, unknown>)[key]
  const signature = {
    ...(schema === undefined ? {} : { inputs: JSON.stringify(schema) }),
    ...(params === undefined ? {} : { params: JSON.stringify(params) }),
  }
  const signed = Object.keys(signature).length > 0
  return { name, inputs: graph, outputs, signature: signed ? signature : null }
}
