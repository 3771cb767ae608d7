import fc, { type Arbitrary } from 'fast-check'
import { anyToken, type Care, type JsonText, listText, objectText } from './json-text.ts'
import { nameOf, rowsOf, type Table } from './tables.ts'

/** One key of an object and its value. */
export type Entry = readonly [key: string, value: JsonText]

function names(table: Table): JsonText {
  return listText(table.columns.map((column, i) => JSON.stringify(nameOf(column, i))))
}

/** Each row as an object. */
export function recordTexts(table: Table): JsonText[] {
  return rowsOf(table).map((row) =>
    objectText(row.map((cell, i) => [nameOf(table.columns[i] ?? NO_COLUMN, i), cell])),
  )
}
const NO_COLUMN = { name: undefined, type: { type: 'any' }, cells: [] } as const

/** Each column as a list. */
export function columnLists(table: Table): Entry[] {
  return table.columns.map((column, i) => [nameOf(column, i), listText(column.cells)])
}

/** Data for `dataframe_split`: rows, or the other shapes that pandas takes. */
export function split(table: Table, care: Care): Arbitrary<JsonText> {
  const rows = listText(rowsOf(table).map(listText))
  const columns: Entry = ['columns', names(table)]
  if (care === 'careful') {
    const named = table.columns.some(({ name }) => name !== undefined)
    const entries = named ? [columns, ['data', rows] as const] : [['data', rows] as const]
    return fc.constant(objectText(entries))
  }
  const index = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Entry[]>([]) },
    {
      weight: 1,
      arbitrary: fc.constant<Entry[]>([
        ['index', listText(Array.from({ length: table.rows }, (_, i) => String(i * 2)))],
      ]),
    },
    { weight: 1, arbitrary: anyToken.map((it): Entry[] => [['index', it]]) },
  )
  const data = fc.oneof(
    { weight: 12, arbitrary: fc.constant(rows) },
    { weight: 1, arbitrary: fc.constant(listText(recordTexts(table))) },
    { weight: 1, arbitrary: fc.constant(objectText(columnLists(table))) },
    { weight: 1, arbitrary: fc.constant(listText(rowsOf(table).flat())) },
    { weight: 1, arbitrary: ragged(rowsOf(table)) },
    { weight: 1, arbitrary: anyToken },
  )
  const named = fc.oneof(
    { weight: 8, arbitrary: fc.constant(columns) },
    { weight: 1, arbitrary: anyToken.map((it): Entry => ['columns', it]) },
    { weight: 1, arbitrary: fc.constant<Entry>(['zz', '1']) },
  )
  const unnamed = table.columns.every(({ name }) => name === undefined)
  const head = fc.oneof(
    { weight: unnamed ? 1 : 12, arbitrary: named.map((it) => [it]) },
    { weight: unnamed ? 4 : 1, arbitrary: fc.constant<Entry[]>([]) },
  )
  return fc
    .tuple(head, index, data)
    .map(([first, more, rest]) => objectText([...first, ...more, ['data', rest]]))
}

function ragged(rows: readonly JsonText[][]): Arbitrary<JsonText> {
  return fc
    .tuple(...rows.map((row) => fc.subarray(row).map(listText)))
    .map((made) => listText(made))
}

/** Data for `dataframe_records`. */
export function records(table: Table, care: Care): Arbitrary<JsonText> {
  if (care === 'careful') return fc.constant(listText(recordTexts(table)))
  const rows = rowsOf(table)
  const partial = fc
    .tuple(
      ...rows.map((row) =>
        fc
          .shuffledSubarray(
            row.map((cell, i): Entry => [nameOf(table.columns[i] ?? NO_COLUMN, i), cell]),
          )
          .map(objectText),
      ),
    )
    .map((made) => listText(made))
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(listText(recordTexts(table))) },
    { weight: 1, arbitrary: partial },
    { weight: 1, arbitrary: fc.constant(listText(rows.map(listText))) },
    { weight: 1, arbitrary: fc.constant(objectText(columnLists(table))) },
    { weight: 1, arbitrary: anyToken },
  )
}
