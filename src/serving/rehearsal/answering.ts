import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { LoadedModel, MediaType } from '../../interfaces.ts'
import type { NamedTensors } from '../../model/tensor.ts'
import { byteLength } from '../batching/batch-merge.ts'
import type { ServedModel } from '../served-model.ts'
import type { AnswerValue } from './answer-value.ts'
import { type Exchange, type ExchangeRing, MAX_ANSWER_BYTES } from './exchange-ring.ts'

/** A request that has been read by a version's contract. */
export interface ReadRequest {
  readonly feeds: NamedTensors
  /** The body of the answer. @throws ServingError where outputs cannot be written. */
  write(outputs: NamedTensors): string | Uint8Array
}

/** What gates need of the codec, which `serving/` does not know. */
export interface RequestReader<Contract> {
  /** Recent exchanges of a version that serves. */
  exchangesOf(contract: Contract): ExchangeRing
  /**
   * Reads a request as the version does; each time anew, since the buffers of a run are handed over.
   * @throws ServingError as the version's clients would hear.
   */
  read(contract: Contract, media: MediaType, body: Uint8Array): Promise<ReadRequest>
  /** Reads JSON. @throws Error whose message says where it is none. */
  parse(json: Uint8Array): AnswerValue
  /** Writes JSON that {@link parse} reads as the same value. */
  write(value: AnswerValue): Uint8Array
}

export interface TimedAnswer {
  readonly answer: Uint8Array
  readonly runMs: number
}

/** From this size on a body is read by a worker: the event loop would wait for it. */
export const READ_HERE_BYTES = 64 * 1024
/** Larger outputs make an answer that is never kept: empty texts take most beside their JSON, four times as much. */
const MAX_OUTPUT_BYTES = 4 * MAX_ANSWER_BYTES
/** An answer this large has another shape than one that was kept, and takes 25 ms to read. */
const MAX_REPLY_BYTES = 4 * MAX_ANSWER_BYTES

/**
 * Has a candidate answer a request, as a client would see the answer. Undefined where the engine cannot read a request
 * of this size.
 * @throws ServingError as the client would hear.
 */
export async function answerBy<Contract>(
  model: LoadedModel,
  contract: Contract,
  { media, body }: Pick<Exchange, 'media' | 'body'>,
  reader: RequestReader<Contract>,
  clock: Clock,
): Promise<TimedAnswer | undefined> {
  const cpuBefore = model.cpuMs
  let answered: TimedAnswer
  if (body.byteLength < READ_HERE_BYTES) {
    const request = await reader.read(contract, media, body)
    const startedAt = clock.monotonic()
    const outputs = await model.run(request.feeds)
    const runMs = clock.monotonic() - startedAt
    answered = { answer: writeAnswer(request, outputs), runMs }
  } else {
    // The worker may take the buffer over.
    const given = await model.invoke?.(media, new Uint8Array(body))
    if (given === undefined) return undefined
    answered = { answer: bounded(given.body), runMs: given.runMs }
  }
  const cpuAfter = model.cpuMs
  if (cpuBefore === undefined || cpuAfter === undefined) return answered
  return { ...answered, runMs: Math.min(answered.runMs, cpuAfter - cpuBefore) }
}

/**
 * Has the serving version answer a request, like any client's; undefined where it cannot, or is on its way out.
 * @throws nothing: what it refuses is no measure.
 */
export async function answerByServing<Contract>(
  serving: ServedModel<Contract>,
  { media, body }: Pick<Exchange, 'media' | 'body'>,
  reader: RequestReader<Contract>,
  timeLimit: { readonly deadlineAt: number; readonly signal: AbortSignal },
): Promise<TimedAnswer | undefined> {
  if (serving.state !== 'ready') return undefined
  const lease = serving.lease()
  try {
    const timings = { queueMs: 0, runMs: 0 }
    const options = { ...timeLimit, timings }
    if (body.byteLength >= READ_HERE_BYTES) {
      if (!serving.canInvoke) return undefined
      const { body: answer, runMs } = await serving.invoke(media, new Uint8Array(body), options)
      return { answer: bounded(answer), runMs }
    }
    const request = await reader.read(serving.contract, media, body)
    const outputs = await serving.predict(request.feeds, options)
    return { answer: writeAnswer(request, outputs), runMs: timings.runMs }
  } catch {
    return undefined
  } finally {
    lease.release()
  }
}

function writeAnswer(request: ReadRequest, outputs: NamedTensors): Uint8Array {
  const outputBytes = byteLength(outputs)
  if (outputBytes > MAX_OUTPUT_BYTES) throw tooLarge('outputs', outputBytes, MAX_OUTPUT_BYTES)
  const answer = request.write(outputs)
  return bounded(typeof answer === 'string' ? new TextEncoder().encode(answer) : answer)
}

function bounded(answer: Uint8Array): Uint8Array {
  if (answer.byteLength <= MAX_REPLY_BYTES) return answer
  throw tooLarge('an answer', answer.byteLength, MAX_REPLY_BYTES)
}

function tooLarge(what: string, received: number, limit: number): ServingError {
  return new ServingError(
    'OUTPUT_NOT_ENCODABLE',
    `Expected ${what} of at most ${limit} bytes in a rehearsal, received ${received}`,
  )
}
