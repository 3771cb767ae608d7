import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { floatRepr } from '../../../src/codec/json/float-text.ts'
import { columnValues } from '../../../src/codec/pandas/frame.ts'
import { parquetFrame } from '../../../src/codec/pandas/parquet-frame.ts'
import { readParquet } from '../../../src/codec/parquet.ts'
import {
  element,
  NdArray,
  PlainObject,
  type PyObject,
  Timestamp,
} from '../../../src/codec/python/python-object.ts'
import { pythonText } from '../../../src/codec/python/python-text.ts'

interface RecordedFile {
  readonly name: string
  readonly body: string
  readonly rows: number
  readonly columns: readonly (readonly [name: string, dtype: string, values: readonly string[]])[]
}

const files: readonly RecordedFile[] = JSON.parse(
  readFileSync(new URL('../../fixtures/python/parquet-tables.json', import.meta.url), 'utf8'),
)

/** A value as `parquet_tables.py` shows it. */
function shown(value: PyObject): string {
  if (value === null) return 'None'
  switch (typeof value) {
    case 'boolean':
      return value ? 'bool True' : 'bool False'
    case 'bigint':
      return `int ${value}`
    case 'number':
      return Number.isNaN(value) ? 'nan' : `float ${floatRepr(value)}`
    case 'string':
      return `str ${value}`
    default:
      return shownObject(value)
  }
}

function shownObject(value: Exclude<PyObject, null | boolean | bigint | number | string>): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (value instanceof Timestamp) return value.isMissing ? 'NaT' : `Timestamp ${pythonText(value)}`
  if (value instanceof PlainObject) {
    return value.type === 'tuple' ? value.text : `${value.type} ${value.text}`
  }
  if (value instanceof NdArray) {
    const items = Array.from({ length: value.data.length }, (_, i) => shown(element(value, i)))
    return `array ${value.dtype.name} [${items.join(', ')}]`
  }
  if (value instanceof Map) {
    return `dict {${[...value].map(([key, item]) => `${key}: ${shown(item)}`).join(', ')}}`
  }
  return `list [${(value as readonly PyObject[]).map(shown).join(', ')}]`
}

describe('a Parquet body', () => {
  it.each(files)('is what pandas makes of it: $name', async ({ body, rows, columns }) => {
    const frame = parquetFrame(await readParquet(Buffer.from(body, 'base64')))
    expect(frame.rows).toBe(rows)
    const read = frame.columns.map((column, i) => [
      frame.labels[i],
      column.dtype.name,
      columnValues(column).map(shown),
    ])
    expect(read).toEqual(columns)
  })
})
