import type { Schema } from '../../model/signature.ts'
import type { PyValue } from '../json/py-value.ts'
import type { Envelope } from './envelope.ts'
import { badRequest } from './refusal.ts'

/**
 * Refuses data of very many columns before a frame is made of it. A column costs microseconds and a kilobyte, whatever it
 * holds: a million of them, in a body of a few megabytes, would keep a worker busy for seconds.
 * @throws ServingError INVALID_REQUEST.
 */
export function refuseWide(columns: number, maxColumns: number): void {
  if (columns <= maxColumns) return
  throw badRequest(
    `Expected at most ${maxColumns} columns, got ${columns}; the limit is --max-columns (BATON_MAX_COLUMNS)`,
  )
}

/** How many columns the data names, or its widest row has. */
export function widthOf({ format, data }: Envelope, schema: Schema | undefined): number {
  if (data instanceof Map) {
    return format === 'dataframe_split'
      ? Math.max(sizeOf(data.get('columns')), widestRow(data.get('data')))
      : data.size
  }
  // The rows of a tensor may be as long as they are: only objects and frames have columns.
  const isFrame = format.startsWith('dataframe_') || schema?.kind === 'columns'
  return widestRow(data, isFrame)
}

function widestRow(data: PyValue | undefined, countLists = true): number {
  if (!Array.isArray(data)) return sizeOf(data)
  let widest = 0
  for (const row of data) {
    if (countLists || row instanceof Map) widest = Math.max(widest, sizeOf(row))
  }
  return widest
}

function sizeOf(value: PyValue | undefined): number {
  if (Array.isArray(value)) return value.length
  return value instanceof Map ? value.size : 0
}
