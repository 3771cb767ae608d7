import type { Frame } from '../pandas/frame.ts'
import { parquetFrame } from '../pandas/parquet-frame.ts'
import { ParquetError, readParquet } from '../parquet.ts'
import { refuseWide } from './column-limit.ts'
import type { CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { makeInvocation } from './make-invocation.ts'
import { badRequest } from './refusal.ts'
import { frameData } from './request-data.ts'

/**
 * Reads a Parquet body as `pandas.read_parquet` does (mlflow/pyfunc/scoring_server/__init__.py, `parse_parquet_input`).
 * Nothing is cast: the strict enforcement meets the columns as they are.
 * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE.
 */
export async function decodeParquet(
  body: Uint8Array,
  contract: ModelContract,
  options: CodecOptions,
): Promise<Invocation> {
  const data = frameData(await readFrame(body, options.maxColumns))
  return makeInvocation({ data, params: null, wrapped: true }, contract, options)
}

async function readFrame(body: Uint8Array, maxColumns: number): Promise<Frame> {
  try {
    const table = await readParquet(body)
    refuseWide(table.columns.length, maxColumns)
    return parquetFrame(table)
  } catch (error) {
    if (!(error instanceof ParquetError)) throw error
    throw badRequest(
      'Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid Parquet' +
        ` Pandas DataFrame produced using the \`pandas.DataFrame.to_parquet()\` method. Error: '${error.message}'`,
      { stackTrace: error.message },
    )
  }
}
