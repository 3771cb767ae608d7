import fc, { type Arbitrary } from 'fast-check'
import type { Care, JsonText } from './json-text.ts'
import type { ColumnType, ModelShape } from './model-spec.ts'
import { nameOf, rowsOf, type Table, tableFor } from './tables.ts'

const NA = ['', 'NA', 'NaN', 'null', 'None', 'nan', '<NA>', 'N/A', '#N/A', 'na', '-']

/** A JSON token as a field of CSV. */
function field(token: JsonText, care: Care): Arbitrary<string> {
  if (token === 'null') return fc.constantFrom(...NA)
  const text = token.startsWith('"') ? String(JSON.parse(token)) : token
  const quoted = `"${text.replaceAll('"', '""')}"`
  if (/[",\r\n]/.test(text)) return fc.constant(quoted)
  if (care === 'careful') return fc.constantFrom(text, quoted)
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(text) },
    { weight: 1, arbitrary: fc.constant(quoted) },
    { weight: 1, arbitrary: fc.constantFrom(...NA) },
    { weight: 1, arbitrary: fc.constantFrom(` ${text}`, `${text} `, `+${text}`, `${text}"`) },
  )
}

/** Text as pandas reads it from `to_csv`, and by other hands. */
export function csvBody(model: ModelShape, care: Care): Arbitrary<string> {
  return tableFor(model, care).chain((table) => {
    const header = table.columns.map((column, i) => JSON.stringify(nameOf(column, i)))
    const rows = [header, ...rowsOf(table)].map((row) =>
      fc.tuple(...row.map((it) => field(it, care))),
    )
    const line = (fields: readonly string[]) =>
      fc.oneof(
        { weight: care === 'careful' ? 100 : 14, arbitrary: fc.constant(fields) },
        { weight: 1, arbitrary: fc.constant([...fields, 'x']) },
        { weight: 1, arbitrary: fc.constant(['7', ...fields]) },
        { weight: 1, arbitrary: fc.constant(fields.slice(1)) },
        { weight: 1, arbitrary: fc.constant([]) },
      )
    const newline = fc.oneof(
      { weight: 5, arbitrary: fc.constant('\n') },
      fc.constantFrom('\r\n', '\r'),
    )
    return fc
      .tuple(fc.tuple(...rows.map((row) => row.chain(line))), newline, fc.boolean())
      .map(([lines, end, last]) => {
        const text = lines.map((it) => it.join(',')).join(end)
        return last ? text + end : text
      })
  })
}

/** A file for the helper process to write; values are JSON, `options` those of pyarrow's `write_table`. */
export interface ParquetTable {
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    readonly values: JsonText
  }[]
  readonly options: Readonly<Record<string, unknown>>
  /** Whether pandas writes it, with its own notes in the file. */
  readonly pandas: boolean
}

const ARROW: Readonly<Record<string, readonly string[]>> = {
  boolean: ['bool'],
  integer: ['int32', 'int8', 'int16', 'uint8', 'uint16', 'int64'],
  long: ['int64', 'int32', 'uint32', 'uint64'],
  float: ['float', 'double'],
  double: ['double', 'float'],
  string: ['string', 'large_string', 'binary'],
  binary: ['binary', 'string'],
  datetime: ['timestamp[us]', 'timestamp[ns]', 'timestamp[ms]', 'date32'],
}

/** Values that every Arrow type of the row takes. */
const CELLS: Readonly<Record<string, readonly JsonText[]>> = {
  bool: ['true', 'false'],
  int: ['0', '1', '7', '100'],
  float: ['0.0', '1.0', '0.1', '-2.5', '1e30', 'NaN'],
  string: ['""', '"x"', '"é中"', '"3"', '"2024-01-02"'],
  timestamp: ['0', '1704164645000', '-1'],
  date: ['0', '19724'],
}

function arrowColumn(name: string, type: ColumnType, rows: number, care: Care) {
  const usual = ARROW[type.type] ?? ['string', 'list<double>', 'list<int64>']
  const arrow = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...usual) },
    {
      weight: care === 'careful' ? 0 : 1,
      arbitrary: fc.constantFrom(...Object.values(ARROW).flat(), 'list<string>'),
    },
  )
  return arrow.chain((chosen) => {
    const listed = /^list<(.+)>$/.exec(chosen)?.[1]
    const scalar = fc.constantFrom(...(CELLS[family(listed ?? chosen)] ?? ['null']))
    const cell = listed ? fc.array(scalar, { maxLength: 3 }).map((it) => `[${it}]`) : scalar
    const some = fc.oneof({ weight: 6, arbitrary: cell }, fc.constant('null'))
    return fc
      .oneof({ weight: 4, arbitrary: fc.constant(cell) }, fc.constant(some))
      .chain((each) => fc.array(each, { minLength: rows, maxLength: rows }))
      .map((values) => ({ name, type: chosen, values: `[${values}]` }))
  })
}

function family(arrow: string): string {
  if (/^u?int/.test(arrow)) return 'int'
  if (arrow === 'double') return 'float'
  if (arrow === 'binary' || arrow === 'large_string') return 'string'
  return arrow.replace(/\[.*|32$/, '')
}

const writeOptions = fc.record(
  {
    compression: fc.constantFrom('snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'none'),
    version: fc.constantFrom('1.0', '2.4', '2.6'),
    data_page_version: fc.constantFrom('1.0', '2.0'),
    use_dictionary: fc.boolean(),
    row_group_size: fc.constantFrom(1, 2),
    store_schema: fc.boolean(),
  },
  { requiredKeys: ['compression'] },
)

export function parquetTable(model: ModelShape, care: Care): Arbitrary<ParquetTable> {
  return tableFor(model, care).chain((table: Table) =>
    fc.record({
      columns: fc.tuple(
        ...table.columns.map((column, i) =>
          arrowColumn(nameOf(column, i), column.type, table.rows, care),
        ),
      ),
      options: writeOptions,
      pandas: fc.boolean(),
    }),
  )
}
