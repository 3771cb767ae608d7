import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CsvError, parseCsv } from '../../../src/codec/csv.ts'
import { floatRepr } from '../../../src/codec/json/float-text.ts'
import { frameOf } from '../../../src/codec/mlflow/decode-csv.ts'
import { columnValues } from '../../../src/codec/pandas/frame.ts'
import { dtypeNamed } from '../../../src/codec/python/dtype.ts'
import { PythonError } from '../../../src/codec/python/python-error.ts'
import type { PyObject } from '../../../src/codec/python/python-object.ts'

interface RecordedTable {
  readonly text: string
  readonly dtypes: readonly (readonly [string | number, string])[]
  readonly error?: string
  readonly rows?: number
  readonly columns?: readonly (readonly [name: string, dtype: string, values: readonly string[]])[]
}

const tables: readonly RecordedTable[] = JSON.parse(
  readFileSync(new URL('../../fixtures/python/csv-tables.json', import.meta.url), 'utf8'),
)

/** A value as `csv_tables.py` shows it. */
function shown(value: PyObject): string {
  if (typeof value === 'boolean') return value ? 'bool:True' : 'bool:False'
  if (typeof value === 'bigint') return `int:${value}`
  if (typeof value === 'number') return Number.isNaN(value) ? 'nan' : `float:${floatRepr(value)}`
  return `str:${value}`
}

function read({ text, dtypes }: RecordedTable) {
  try {
    const given = new Map(dtypes.map(([key, name]) => [key, dtypeNamed(name)] as const))
    const known = new Map([...given].flatMap(([key, dtype]) => (dtype ? [[key, dtype]] : [])))
    const { rows, labels, columns } = frameOf(parseCsv(text), known)
    const shownColumns = columns.map((column, i) => [
      labels[i],
      column.dtype.name,
      columnValues(column).map(shown),
    ])
    return { rows, columns: shownColumns }
  } catch (error) {
    if (error instanceof PythonError || error instanceof CsvError) return { error: error.message }
    throw error
  }
}

describe('a CSV body', () => {
  it.each(tables)('is what pandas makes of it: $text $dtypes', (table) => {
    const { text, dtypes, ...expected } = table
    expect(read(table)).toEqual(expected)
  })
})

describe('a hostile cell', () => {
  it.each([
    '1'.repeat(1_000_000),
    `${'1'.repeat(1_000_000)}x`,
    `${' '.repeat(1_000_000)}x`,
    `1${' '.repeat(1_000_000)}x`,
    `1e${'1'.repeat(1_000_000)}`,
    `.${'0'.repeat(1_000_000)}x`,
  ])('of a million characters is text or a number at once', (cell) => {
    const { columns } = frameOf(parseCsv(`a\n${cell}\n`), new Map())
    expect(columns[0]?.data).toHaveLength(1)
  })
})
