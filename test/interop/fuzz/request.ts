import fc, { type Arbitrary } from 'fast-check'
import { changed, encoded } from './byte-changes.ts'
import { csvFits } from './column-plan.ts'
import { jsonBody } from './json-bodies.ts'
import type { ModelShape } from './model-spec.ts'
import { csvBody, type ParquetTable, parquetTable } from './table-bodies.ts'

/** A request to make: its bytes, or the table whose Parquet file is to be sent. */
export interface FuzzRequest {
  readonly contentType: string | undefined
  readonly body: Buffer | ParquetTable
}

const JSON_TYPE = 'application/json'
const CSV_TYPE = 'text/csv'
const PARQUET_TYPE = 'application/vnd.apache.parquet'
const OTHER_TYPES = [
  ...[
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'text/csv;charset=utf-8',
  ],
  ...[
    'application/json; charset=latin1',
    'application/json; x=1',
    'application/json;',
    'text/plain',
  ],
  ...['Application/JSON', 'text/csv; header=present', 'application/json; charset="utf-8"', ''],
]

/** A request for this model: mostly one that it can answer. */
export function requestFor(model: ModelShape): Arbitrary<FuzzRequest> {
  const json = jsonBody(model, 'careless')
  const bytes = json.map((text) => Buffer.from(text))
  const csv = csvBody(model, 'careless').map((text) => Buffer.from(text))
  const carefulJson = jsonBody(model, 'careful').map((text) => Buffer.from(text))
  const carefulCsv = csvBody(model, 'careful').map((text) => Buffer.from(text))
  const of = (contentType: string | undefined, body: Arbitrary<FuzzRequest['body']>) =>
    body.map((it): FuzzRequest => ({ contentType, body: it }))
  const flat = csvFits(model)
  return fc.oneof(
    { weight: 30, arbitrary: of(JSON_TYPE, carefulJson) },
    { weight: 15, arbitrary: of(JSON_TYPE, bytes) },
    { weight: 4, arbitrary: of(JSON_TYPE, changed(fc.oneof(carefulJson, bytes))) },
    { weight: 1, arbitrary: of(JSON_TYPE, encoded(json)) },
    { weight: flat ? 4 : 1, arbitrary: of(CSV_TYPE, carefulCsv) },
    { weight: flat ? 4 : 1, arbitrary: of(CSV_TYPE, csv) },
    { weight: 1, arbitrary: of(CSV_TYPE, changed(csv)) },
    { weight: 3, arbitrary: of(PARQUET_TYPE, parquetTable(model, 'careful')) },
    { weight: 3, arbitrary: of(PARQUET_TYPE, parquetTable(model, 'careless')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...OTHER_TYPES), fc.oneof(bytes, csv))
        .map(([contentType, body]) => ({ contentType, body })),
    },
    { weight: 1, arbitrary: of(PARQUET_TYPE, fc.oneof(bytes, csv)) },
  )
}
