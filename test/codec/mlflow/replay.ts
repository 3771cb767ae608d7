import { mediaType } from '../../../src/codec/mlflow/content-type.ts'
import { errorAnswer } from '../../../src/codec/mlflow/error-body.ts'
import { createScoringCodec } from '../../../src/codec/mlflow/scoring.ts'
import { ServingError } from '../../../src/errors.ts'
import { bodyOf, type FixtureModel, type RecordedCase } from './recorded.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const MAX_DEPTH = 960
const MAX_COLUMNS = 100_000

/** What Baton answers to a recorded request: decoded, run and encoded, with no server in between. */
export async function replay(recorded: RecordedCase, model: FixtureModel): Promise<Answer> {
  const { engine, contract } = model
  try {
    const codec = createScoringCodec(contract, {
      strictJson: false,
      hideSchemaDetails: /^(true|1)$/i.test(recorded.env?.MLFLOW_DISABLE_SCHEMA_DETAILS ?? ''),
      maxDepth: MAX_DEPTH,
      maxColumns: MAX_COLUMNS,
      maxMemoryBytes: 2 ** 30,
    })
    const invocation = await codec.decode(mediaType(contentType(recorded)), bodyOf(recorded))
    const outputs = await engine.run(invocation.feeds)
    const body = codec.encode(invocation.answer, outputs)
    return { status: 200, contentType: 'application/json', body: Buffer.from(body).toString() }
  } catch (error) {
    if (error instanceof ServingError) return errorAnswer(error)
    throw error
  }
}

function contentType({ headers }: RecordedCase): string | undefined {
  if (headers === undefined) return 'application/json'
  return Object.entries(headers)
    .find(([name]) => name.toLowerCase() === 'content-type')?.[1]
    .trim()
}
