import fc, { type Arbitrary } from 'fast-check'
import type { Care, JsonText } from './json-text.ts'
import type { ColumnType, ModelShape, TensorColumn } from './model-spec.ts'
import { tensorKind, tensorText } from './tensor-text.ts'

/** A column of a table that is to be made; `cells` where its type alone does not say what they are. */
export interface PlannedColumn {
  readonly name: string | undefined
  readonly type: ColumnType
  readonly cells?: Arbitrary<JsonText>
}

const EXTRA = ['zz', 'a', 'b', '', 'prompt']
const ANY_TYPE: Arbitrary<ColumnType> = fc
  .constantFrom('boolean', 'long', 'double', 'string', 'datetime', 'any')
  .map((type) => ({ type }) as ColumnType)

/** The column type whose values fill this dtype of numpy or ONNX. */
function scalarType(dtype: string): ColumnType {
  if (dtype.startsWith('float') || dtype === 'double') return { type: 'double' }
  if (dtype === 'bool') return { type: 'boolean' }
  return dtype.includes('int') ? { type: 'long' } : { type: 'string' }
}

/** Whether a data frame can stand for the tensors of the signature: rows are free, all else is fixed. */
export function framesFit({ inputs }: ModelShape): boolean {
  if (inputs.kind !== 'tensors') return true
  return inputs.tensors.every((tensor) => {
    const [rows, ...rest] = tensor['tensor-spec'].shape
    return rows === -1 && !rest.includes(-1)
  })
}

/** Whether CSV can hold the signature's columns. */
export function csvFits({ inputs }: ModelShape): boolean {
  const SCALARS = ['boolean', 'integer', 'long', 'float', 'double', 'string', 'binary']
  return (
    inputs.kind === 'none' ||
    (inputs.kind === 'columns' && inputs.columns.every(({ type }) => SCALARS.includes(type)))
  )
}

function tensorColumn(tensor: TensorColumn, care: Care): PlannedColumn {
  const { dtype, shape } = tensor['tensor-spec']
  const plain = { name: tensor.name, type: scalarType(dtype) }
  const sizes = shape.slice(1).map(Math.abs)
  if (sizes.length === 0) return plain
  const size = sizes.reduce((product, n) => product * n, 1)
  return { ...plain, cells: tensorKind(dtype, care).chain((kind) => tensorText([size], kind)) }
}

/** A frame for a tensor signature: a column each, or one a position of the single tensor. */
function tensorColumns(
  tensors: readonly TensorColumn[],
  care: Care,
): Arbitrary<readonly PlannedColumn[]> {
  const each = tensors.map((tensor) => tensorColumn(tensor, care))
  const { dtype, shape } = tensors[0]?.['tensor-spec'] ?? { dtype: 'float64', shape: [-1] }
  const type = scalarType(dtype)
  const width = Math.max(shape[1] ?? 1, 1)
  const wide = Array.from({ length: width }, (_, i): PlannedColumn => ({ name: `c${i}`, type }))
  const unnamed = tensors[0]?.name === undefined
  if (care === 'careful')
    return fc.constantFrom(each, ...(unnamed && shape.length < 3 ? [wide] : []))
  const plain = tensors.map(({ name }): PlannedColumn => ({ name, type }))
  return fc.constantFrom(each, wide, plain)
}

/** Without a signature: the columns that the graph takes, or any. */
function graphColumns({ graph }: ModelShape, care: Care): Arbitrary<readonly PlannedColumn[]> {
  if (care === 'careful') {
    const [only, ...more] = graph
    if (more.length > 0) {
      return fc.constant(graph.map(({ name, dtype }) => ({ name, type: scalarType(dtype) })))
    }
    const type = scalarType(only?.dtype ?? 'double')
    return fc
      .integer({ min: 1, max: 3 })
      .map((count) => Array.from({ length: count }, (_, i) => ({ name: `c${i}`, type })))
  }
  const column = fc.tuple(fc.constantFrom('a', 'b', 'x'), ANY_TYPE)
  return fc
    .uniqueArray(column, { minLength: 1, maxLength: 3, selector: ([name]) => name })
    .map((list) => list.map(([name, type]) => ({ name, type })))
}

/** Another order; now and then a column too few or one too many. */
function disturbed(
  columns: readonly PlannedColumn[],
  care: Care,
): Arbitrary<readonly PlannedColumn[]> {
  const shuffled = fc.shuffledSubarray([...columns], { minLength: columns.length })
  if (care === 'careful') {
    return columns.every(({ name }) => name !== undefined) ? shuffled : fc.constant(columns)
  }
  const extra = fc
    .tuple(fc.constantFrom(...EXTRA), ANY_TYPE)
    .map(([name, type]) => [...columns.filter((it) => it.name !== name), { name, type }])
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(columns) },
    { weight: 1, arbitrary: extra },
    { weight: 1, arbitrary: fc.shuffledSubarray([...columns]) },
    { weight: 1, arbitrary: shuffled },
  )
}

/** The columns that a frame for this model would have. */
export function columnPlan(model: ModelShape, care: Care): Arbitrary<readonly PlannedColumn[]> {
  const { inputs } = model
  const planned =
    inputs.kind === 'columns'
      ? fc.constant(
          inputs.columns.map((column): PlannedColumn => ({ name: column.name, type: column })),
        )
      : inputs.kind === 'tensors'
        ? tensorColumns(inputs.tensors, care)
        : graphColumns(model, care)
  // Columns made for the positions of one tensor keep their places.
  if (care === 'careful' && inputs.kind !== 'columns') return planned
  return planned.chain((columns) => disturbed(columns, care))
}
