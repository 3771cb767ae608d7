import fc from 'fast-check'
import { explain } from '../../codec/mlflow/deviations.ts'
import type { RecordedCase } from '../../codec/mlflow/recorded.ts'
import type { Answer, Endpoint } from './endpoint.ts'
import type { ModelShape, ModelSpec } from './model-spec.ts'
import { type FuzzRequest, requestFor } from './request.ts'

/** A request that the two servers answer differently, and no rule says why. */
export interface Difference {
  readonly model: ModelSpec
  readonly seed: number
  /** Where fast-check finds it again. */
  readonly path: string | null
  /** The request and MLflow's answer, as `test/fixtures/mlflow/README.md` describes a case. */
  readonly recorded: RecordedCase
  readonly answer: Answer
}

export interface Contestant {
  readonly spec: ModelSpec
  readonly shape: ModelShape
  /** Seed of its requests. */
  readonly seed: number
}

/** Sends random requests to both servers and keeps count of what explains their answers. */
export class Contest {
  readonly #mlflow: Endpoint
  readonly #baton: Endpoint
  /** Answers by what explains them: `same`, or the id of a deviation. */
  readonly explained = new Map<string, number>()
  readonly statuses = new Map<number, number>()
  requests = 0

  constructor(mlflow: Endpoint, baton: Endpoint) {
    this.#mlflow = mlflow
    this.#baton = baton
  }

  /** This many requests for one model, one after another; the first difference is shrunk and returned. */
  async run(
    { spec, shape, seed }: Contestant,
    numRuns: number,
    path?: string,
  ): Promise<Difference | undefined> {
    let latest: { recorded: RecordedCase; answer: Answer } | undefined
    const result = await fc.check(
      fc.asyncProperty(requestFor(shape), async (request) => {
        const difference = await this.#compare(spec, request)
        if (difference === undefined) return true
        latest = difference
        return false
      }),
      { seed, numRuns, ...(path === undefined ? {} : { path }) },
    )
    if (!result.failed) return undefined
    if (latest === undefined)
      throw new Error(`fuzz of ${spec.name}`, { cause: result.errorInstance })
    return { model: spec, seed, path: result.counterexamplePath, ...latest }
  }

  async #compare({ name: model }: ModelSpec, { contentType, body }: FuzzRequest) {
    const bytes = Buffer.isBuffer(body) ? body : await this.#mlflow.parquet(body)
    if (bytes === undefined) return undefined
    const [expected, answer] = await Promise.all([
      this.#mlflow.invoke(model, contentType, bytes),
      this.#baton.invoke(model, contentType, bytes),
    ])
    const recorded = recordedCase(model, contentType, bytes, expected)
    this.requests++
    count(this.statuses, expected.status)
    const reason = explain(recorded, answer)
    if (reason === undefined) return { recorded, answer }
    if (reason === 'same' && expected.contentType !== answer.contentType)
      return { recorded, answer }
    count(this.explained, reason)
    return undefined
  }
}

function recordedCase(
  model: string,
  contentType: string | undefined,
  bytes: Buffer,
  answer: Answer,
): RecordedCase {
  const text = bytes.toString()
  const isText = Buffer.from(text).equals(bytes) && !text.startsWith('\ufeff')
  return {
    name: 'fuzz',
    model,
    headers: contentType === undefined ? {} : { 'Content-Type': contentType },
    ...(isText ? { body: text } : { body_base64: bytes.toString('base64') }),
    status: answer.status,
    response_headers: { 'content-type': answer.contentType },
    response: answer.body,
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
