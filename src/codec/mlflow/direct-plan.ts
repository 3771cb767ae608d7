import type { ColumnSpec, ScalarType, SchemaTensor } from '../../model/signature.ts'
import type { DType, TensorSpec } from '../../model/tensor.ts'
import type { ModelContract } from './invocation.ts'

/** Element types that the direct path reads; the other ones go through the general path. */
export type NumberType = Exclude<DType, 'string' | 'bool' | 'float16'>

/** A column of a column signature, or a tensor of a tensor signature, or an input of a model without one. */
export interface FieldPlan {
  readonly name: string | undefined
  /** What MLflow makes of the tokens first: undefined where it infers int64 or float64 from them. */
  readonly dtype: NumberType | undefined
  /** Of a tensor signature's shape; undefined elsewhere. */
  readonly shape: readonly number[] | undefined
}

/** What the contract of a version says about reading its requests directly. */
export interface DirectPlan {
  readonly kind: 'tensors' | 'columns' | 'none'
  readonly isNamed: boolean
  /** In the signature's order; in the graph's without one. */
  readonly fields: readonly FieldPlan[]
  /** Names of `fields` as they stand in a body, quotes included. */
  readonly quoted: readonly Uint8Array[]
  /** Place in `fields` by name. */
  readonly places: ReadonlyMap<string, number>
  /** 0, 1, ...: the places of a frame whose columns come in the order of `fields`. */
  readonly order: readonly number[]
  readonly inputs: readonly TensorSpec[]
}

/** Whether the names of a frame's columns say which field they are. */
export function bindsByName(plan: DirectPlan): boolean {
  return plan.isNamed && (plan.kind !== 'none' || plan.inputs.length > 1)
}

/** The fields of a frame's columns: by name, each exactly once, or by position where names say nothing. */
export function framePlaces(
  plan: DirectPlan,
  named: readonly (number | undefined)[],
): readonly number[] | undefined {
  if (!bindsByName(plan)) {
    return named.length === plan.fields.length ? plan.order : named.map((_, position) => position)
  }
  const places = named.filter((place) => place !== undefined)
  const isComplete = places.length === named.length && places.length === plan.fields.length
  return isComplete && new Set(places).size === places.length ? places : undefined
}

/** A column's flag goes by its position in the body; what comes past the plan's fields shares the last one. */
export function flagOf(plan: DirectPlan, position: number): number {
  return Math.min(position, plan.fields.length - 1)
}

/** A plain name as it stands in a body, quotes included. */
export function quoted(name: string): Uint8Array {
  return new TextEncoder().encode(`"${name}"`)
}

/** The plan of a contract; undefined where no request of it can be read directly. */
export function planDirect(contract: ModelContract): DirectPlan | undefined {
  const { signature, inputs } = contract
  if (signature?.fromTypeHints || inputs.length === 0) return undefined
  if (!inputs.every((input) => isNumberType(input.dtype))) return undefined
  const schema = signature?.inputs
  const kind = schema?.kind ?? 'none'
  const fields = schema === undefined ? inputs.map(inferredField) : schemaFields(schema)
  if (fields === undefined || fields.length === 0) return undefined
  const names = fields.map((field) => field.name ?? '')
  const isNamed = fields.every((field) => field.name !== undefined)
  const places = new Map(names.map((name, place) => [name, place]))
  if (isNamed && (places.size < names.length || !names.every(isPlain))) return undefined
  const order = names.map((_, place) => place)
  return { kind, isNamed, fields, quoted: names.map(quoted), places, order, inputs }
}

/** Whether a name can stand in a body as it is: printable ASCII that JSON does not escape. */
function isPlain(name: string): boolean {
  return /^[ !#-[\]-~]*$/.test(name)
}

function inferredField(input: TensorSpec): FieldPlan {
  return { name: input.name, dtype: undefined, shape: undefined }
}

function schemaFields(
  schema: NonNullable<NonNullable<ModelContract['signature']>['inputs']>,
): readonly FieldPlan[] | undefined {
  const fields: readonly (FieldPlan | undefined)[] =
    schema.kind === 'tensors' ? schema.tensors.map(tensorField) : schema.columns.map(columnField)
  return fields.every((field) => field !== undefined) ? fields : undefined
}

function tensorField(tensor: SchemaTensor): FieldPlan | undefined {
  const { name, dtype, shape } = tensor
  return dtype !== undefined && isNumberType(dtype) ? { name, dtype, shape } : undefined
}

function columnField(column: ColumnSpec): FieldPlan | undefined {
  const dtype = column.type.kind === 'scalar' ? COLUMN_DTYPES[column.type.type] : undefined
  return dtype === undefined ? undefined : { name: column.name, dtype, shape: undefined }
}

const COLUMN_DTYPES: Readonly<Partial<Record<ScalarType, NumberType>>> = {
  integer: 'int32',
  long: 'int64',
  float: 'float32',
  double: 'float64',
}

function isNumberType(dtype: DType): dtype is NumberType {
  return dtype !== 'string' && dtype !== 'bool' && dtype !== 'float16'
}
