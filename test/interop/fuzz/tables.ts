import fc, { type Arbitrary } from 'fast-check'
import { columnCells } from './cells.ts'
import { columnPlan } from './column-plan.ts'
import type { Care, JsonText } from './json-text.ts'
import type { ColumnType, ModelShape } from './model-spec.ts'

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

/** A table that mostly fits the model. */
export function tableFor(model: ModelShape, care: Care): Arbitrary<Table> {
  return fc
    .tuple(columnPlan(model, care), fc.integer({ min: care === 'careful' ? 1 : 0, max: 4 }))
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
