import type { Schema } from '../../model/signature.ts'
import { CsvError, type CsvTable, parseCsv } from '../csv.ts'
import { MemoryBudget } from '../memory-budget.ts'
import { csvColumnOf, inferCsvColumn } from '../pandas/csv-column.ts'
import { isMissingCell } from '../pandas/csv-tokens.ts'
import type { Frame } from '../pandas/frame.ts'
import { type Dtype, OBJECT, PANDAS_STRING } from '../python/dtype.ts'
import { numericArray } from '../python/numpy-convert.ts'
import { PythonError } from '../python/python-error.ts'
import { NdArray } from '../python/python-object.ts'
import { undecodable } from '../python/undecodable.ts'
import { refuseWide } from './column-limit.ts'
import type { CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { makeInvocation } from './make-invocation.ts'
import { badRequest, invalidInput } from './refusal.ts'
import { frameData } from './request-data.ts'
import { pandasType } from './schema-text.ts'

/**
 * Reads a CSV body as `pandas.read_csv` does with the signature's dtypes (mlflow/pyfunc/scoring_server/__init__.py,
 * `parse_csv_input`). Enforcement then is the strict one.
 * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE.
 */
export function decodeCsv(
  body: Uint8Array,
  contract: ModelContract,
  options: CodecOptions,
): Invocation {
  const error = undecodable(body)
  if (error !== undefined) {
    throw invalidInput(`Ensure that input is a valid UTF-8 encoded string. Error: '${error}'`)
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const frame = readFrame(text, contract.signature?.inputs, options)
  return makeInvocation({ data: frameData(frame), params: null, wrapped: true }, contract, options)
}

function readFrame(text: string, schema: Schema | undefined, options: CodecOptions): Frame {
  try {
    const dtypes = schema === undefined ? new Map<string | number, Dtype>() : schemaDtypes(schema)
    const table = parseCsv(text, new MemoryBudget(options.maxMemoryBytes))
    refuseWide(table.columns.length, options.maxColumns)
    return frameOf(table, dtypes)
  } catch (error) {
    if (!(error instanceof PythonError || error instanceof CsvError)) throw error
    throw badRequest(
      'Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid CSV-formatted' +
        ` Pandas DataFrame produced using the \`pandas.DataFrame.to_csv()\` method. Error: '${error.message}'`,
      { stackTrace: error.message },
    )
  }
}

/** The dtypes to read with, by name, or by place where the signature has no names. */
function schemaDtypes(schema: Schema): ReadonlyMap<string | number, Dtype> {
  if (schema.kind === 'tensors') {
    throw new PythonError(
      'MlflowException',
      'TensorSpec only supports numpy types, use numpy_types() instead',
    )
  }
  const dtypes = new Map<string | number, Dtype>()
  for (const [place, { name, type }] of schema.columns.entries()) {
    if (type.kind !== 'scalar') {
      throw new PythonError(
        'MlflowException',
        'Failed to get pandas types as some of the inputs types are not DataType.',
      )
    }
    dtypes.set(name ?? place, pandasType(type.type))
  }
  return dtypes
}

/** The frame without its index, whose columns are read all the same: they may be what fails. */
export function frameOf(table: CsvTable, dtypes: ReadonlyMap<string | number, Dtype>): Frame {
  const { indexColumns, names, headers, rows } = table
  if (rows === 0) return emptyFrame(names, dtypes)
  const columns = table.columns.map((cells, place) => {
    const named = place - indexColumns
    const dtype = dtypes.get(names[named] ?? place)
    if (dtype !== undefined) return csvColumnOf(cells, dtype, place)
    return otherColumn(cells, dtypes.get(headers[named] ?? place) ?? dtypes.get(place), place)
  })
  return { labels: names, columns: columns.slice(indexColumns), rows }
}

/** A column whose dtype was given by place, or for the name that it repeats: its text still becomes pandas' string. */
function otherColumn(cells: readonly string[], dtype: Dtype | undefined, place: number): NdArray {
  if (dtype === undefined) return inferCsvColumn(cells)
  const column = csvColumnOf(cells, dtype, place)
  const isText = dtype.kind === 'O' && cells.some((cell) => !isMissingCell(cell))
  return isText ? new NdArray(PANDAS_STRING, column.shape, column.data) : column
}

function emptyFrame(names: readonly string[], dtypes: ReadonlyMap<string | number, Dtype>): Frame {
  for (const place of dtypes.keys()) {
    if (typeof place === 'number' && place >= names.length) {
      throw new PythonError('IndexError', 'list index out of range')
    }
  }
  const columns = names.map((name, place) => emptyColumn(dtypes.get(name) ?? dtypes.get(place)))
  return { labels: names, columns, rows: 0 }
}

function emptyColumn(dtype: Dtype = OBJECT): NdArray {
  if (dtype.kind === 'M') return new NdArray(dtype, [0], new BigInt64Array(0))
  return new NdArray(dtype, [0], dtype.kind === 'O' ? [] : numericArray(dtype, 0))
}
