import fc, { type Arbitrary } from 'fast-check'
import { columnCells } from './cells.ts'
import type { Care, JsonText } from './json-text.ts'
import type { ColumnType, Inputs, ModelShape } from './model-spec.ts'
import { tensorKind, tensorText } from './tensor-text.ts'

/** Columns of equal length, their values as JSON text. */
export interface Table {
  readonly columns: readonly TableColumn[]
  readonly rows: number
}
export interface TableColumn {
  /** Undefined where the signature has no names. */
  readonly name: string | undefined
  readonly type: ColumnType
  readonly cells: readonly JsonText[]
}

const EXTRA = ['zz', 'a', 'b', '', 'prompt']
const ANY_TYPE: Arbitrary<ColumnType> = fc
  .constantFrom('boolean', 'long', 'double', 'string', 'datetime', 'any')
  .map((type) => ({ type }) as ColumnType)

type ColumnPlan = Pick<TableColumn, 'name' | 'type'> & { readonly cells?: Arbitrary<JsonText> }

/** The columns that a frame for this model would have. */
function plan(inputs: Inputs, care: Care): Arbitrary<readonly ColumnPlan[]> {
  if (inputs.kind === 'columns') {
    return fc.constant(inputs.columns.map((column) => ({ name: column.name, type: column })))
  }
  if (inputs.kind === 'none') {
    const column = fc.tuple(fc.constantFrom('a', 'b', 'x'), ANY_TYPE)
    return fc
      .uniqueArray(column, { minLength: 1, maxLength: 3, selector: ([name]) => name })
      .map((list) => list.map(([name, type]) => ({ name, type })))
  }
  const [first] = inputs.tensors
  const scalarColumns = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `c${i}`, type: scalarOf(first) }))
  const listColumns = inputs.tensors.map((tensor) => {
    const { dtype, shape } = tensor['tensor-spec']
    const size = shape.slice(1).reduce((product, n) => product * Math.abs(n), 1)
    const cells = tensorKind(dtype, care).chain((kind) => tensorText([size], kind))
    return { name: tensor.name, type: scalarOf(tensor), cells }
  })
  const plain = inputs.tensors.map((tensor) => ({ name: tensor.name, type: scalarOf(tensor) }))
  const width = first?.['tensor-spec'].shape[1] ?? 1
  return fc.oneof(
    fc.constant(listColumns),
    fc.constant(plain),
    fc.constant(scalarColumns(Math.max(width, 1))),
  )
}

function scalarOf(tensor: { readonly 'tensor-spec': { readonly dtype: string } } | undefined) {
  const dtype = tensor?.['tensor-spec'].dtype ?? 'float64'
  if (dtype.startsWith('float')) return { type: 'double' } as const
  if (dtype === 'bool') return { type: 'boolean' } as const
  return dtype.includes('int') ? ({ type: 'long' } as const) : ({ type: 'string' } as const)
}

/** Now and then a column too few, one too many, or another order. */
function disturbed(columns: readonly ColumnPlan[], care: Care): Arbitrary<readonly ColumnPlan[]> {
  if (care === 'careful') {
    const named = columns.every(({ name }) => name !== undefined)
    return named
      ? fc.shuffledSubarray([...columns], { minLength: columns.length })
      : fc.constant(columns)
  }
  const extra = fc
    .tuple(fc.constantFrom(...EXTRA), ANY_TYPE)
    .map(([name, type]) => [...columns.filter((it) => it.name !== name), { name, type }])
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(columns) },
    { weight: 1, arbitrary: extra },
    { weight: 1, arbitrary: fc.shuffledSubarray([...columns]) },
    {
      weight: 1,
      arbitrary: fc.shuffledSubarray([...columns], { minLength: columns.length }),
    },
  )
}

/** A table that mostly fits the model. */
export function tableFor({ inputs }: ModelShape, care: Care): Arbitrary<Table> {
  return fc
    .tuple(
      plan(inputs, care).chain((it) => disturbed(it, care)),
      fc.integer({ min: care === 'careful' ? 1 : 0, max: 4 }),
    )
    .chain(([columns, rows]) =>
      fc
        .tuple(
          ...columns.map(({ name, type, cells }) =>
            (cells === undefined
              ? columnCells(type, rows, care)
              : fc.array(cells, { minLength: rows, maxLength: rows })
            ).map((values): TableColumn => ({ name, type, cells: values })),
          ),
        )
        .map((made) => ({ columns: made, rows })),
    )
}

/** The name of a column, which an unnamed one gets from its place. */
export function nameOf({ name }: TableColumn, index: number): string {
  return name ?? String(index)
}

export function rowsOf({ columns, rows }: Table): JsonText[][] {
  return Array.from({ length: rows }, (_, row) => columns.map(({ cells }) => cells[row] ?? 'null'))
}
