import { appendFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { REPOSITORY } from '../../interop/support/backends.ts'

/** Columns of the tables of docs/reliability.md that the tests fill. */
const COLUMNS = {
  faults: ['Fault', 'What clients saw', 'What was logged', 'How it recovered'],
  'bad-versions': ['Version 2', 'Caught at', 'What `/models` says', 'What clients saw'],
  soak: ['Measured', 'Value'],
} as const

export type TableName = keyof typeof COLUMNS

interface Row {
  readonly table: TableName
  readonly order: number
  readonly cells: readonly string[]
}

/** Adds a measured row. Rows are printed by `order`, those of the same order as they came. */
export async function addRow(file: string, row: Row): Promise<void> {
  await appendFile(file, `${JSON.stringify(row)}\n`)
}

/** Every table for which the tests of this run have written rows, as Markdown. */
export async function readTables(file: string): Promise<ReadonlyMap<TableName, string>> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const rows = lines.map((line) => JSON.parse(line) as Row).sort((a, b) => a.order - b.order)
  const tables = new Map<TableName, string>()
  for (const table of new Set(rows.map((row) => row.table))) {
    const columns = COLUMNS[table]
    const own = rows.filter((row) => row.table === table).map((row) => row.cells)
    const text = [columns, columns.map(() => '---'), ...own].map(
      (cells) => `| ${cells.map(escaped).join(' | ')} |`,
    )
    tables.set(table, text.join('\n'))
  }
  return tables
}

/** Puts each table between its marks in docs/reliability.md. */
export async function writeTables(tables: ReadonlyMap<TableName, string>): Promise<void> {
  const page = path.join(REPOSITORY, 'docs/reliability.md')
  let text = await readFile(page, 'utf8')
  for (const [name, table] of tables) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`expected ${begin} and ${end} in the page`)
    text = `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`
  }
  await writeFile(page, text)
}

/** What differs from run to run, and cell separators, out of a cell. */
function escaped(cell: string): string {
  return cell
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replaceAll(/\bchampion-\d+-\d+/g, 'champion')
    .replaceAll(/[0-9a-f]{32}/g, '…')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')
}
