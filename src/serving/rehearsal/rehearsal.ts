import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { type ErrorCode, ServingError } from '../../errors.ts'
import type { Candidate } from '../candidate.ts'
import type { ServedModel } from '../served-model.ts'
import { answerBy, answerByServing, type RequestReader, type TimedAnswer } from './answering.ts'
import { compareAnswers } from './compare-answers.ts'
import { ConstantWatch } from './constant-watch.ts'
import type { Exchange } from './exchange-ring.ts'
import { mismatch } from './mismatch.ts'
import type { RehearsalSettings } from './rehearsal-settings.ts'
import { DifferenceTally, type RehearsalReport } from './report.ts'
import { latencyRatio, median } from './run-time.ts'
import { within } from './within.ts'

/** Requests that are sent twice, to find answers that are random. */
const REPEATED = 4
/** Requests that are run again, and how often, before a version is called slow. */
const CONFIRMED = 5
const CONFIRMATIONS = 3
/** Beyond what kernels on several threads or a GPU differ from run to run. */
const REPEATABLE = { absolute: 1e-5, relative: 1e-3 }

/** Failures of the process or the worker under the model, which say nothing about the request. */
const NOT_THE_REQUEST: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'WORKER_LOST',
  'DEADLINE_EXCEEDED',
  'TRIAL_FAILED',
  'INSUFFICIENT_MEMORY',
  'REHEARSAL_FAILED',
])

export interface RehearsalInputs<Contract> {
  readonly candidate: Candidate<Contract>
  readonly serving: ServedModel<Contract>
  readonly source: RehearsalReport['source']
  readonly settings: RehearsalSettings
  /** Threads that computed a serving run, where the candidate has one. */
  readonly servingThreads: number
  readonly reader: RequestReader<Contract>
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A new version's answers to requests that the serving one has answered, one after the other. */
export class Rehearsal<Contract> {
  readonly #inputs: RehearsalInputs<Contract>
  readonly #startedAt: number
  readonly #deadlineAt: number
  readonly #tally = new DifferenceTally()
  readonly #constant = new ConstantWatch()
  readonly #answered: { readonly exchange: Exchange; runMs: number }[] = []
  #errors = 0
  #firstError: string | undefined
  #random = false

  constructor(inputs: RehearsalInputs<Contract>) {
    this.#inputs = inputs
    this.#startedAt = inputs.clock.monotonic()
    this.#deadlineAt = this.#startedAt + inputs.settings.timeoutMs
  }

  /**
   * Undefined where no request could be tried.
   * @throws ServingError REHEARSAL_FAILED when a request is not answered in time; what ended the process or worker.
   */
  async run(exchanges: readonly Exchange[]): Promise<RehearsalReport | undefined> {
    for (const [i, exchange] of exchanges.entries()) {
      if (this.#isOver()) break
      await this.#try(exchange, i < REPEATED)
      // Live requests that came meanwhile go first.
      await turn()
    }
    if (this.#answered.length + this.#errors === 0) return undefined
    return this.#report(await this.#compareRunTimes())
  }

  #isOver(): boolean {
    return this.#inputs.clock.monotonic() >= this.#deadlineAt
  }

  async #try(exchange: Exchange, twice: boolean): Promise<void> {
    const { reader } = this.#inputs
    const first = await this.#answer(exchange)
    if (first === undefined) return
    const before = reader.parse(exchange.answer)
    const after = reader.parse(first.answer)
    this.#tally.add(compareAnswers(before, after))
    this.#constant.add(exchange.body, before, after)
    const answered = { exchange, runMs: first.runMs }
    this.#answered.push(answered)
    if (!twice || this.#isOver()) return
    const second = await this.#answer(exchange)
    if (second === undefined) return
    answered.runMs = Math.min(answered.runMs, second.runMs)
    if (this.#random || mismatch(after, reader.parse(second.answer), REPEATABLE) === undefined) {
      return
    }
    this.#random = !(await this.#isServingRandom(exchange))
  }

  /** The candidate's answer; undefined where it refuses the request, which is counted. */
  async #answer(exchange: Exchange): Promise<TimedAnswer | undefined> {
    const { candidate, reader, clock, signal, settings } = this.#inputs
    const { model, contract } = candidate
    const limit = { clock, signal, ms: settings.timeoutMs }
    try {
      const work = answerBy(model, contract, exchange, reader, clock)
      return await within(work, limit, () => this.#notInTime(exchange))
    } catch (error) {
      signal.throwIfAborted()
      const { code, message } = ServingError.from(error)
      if (NOT_THE_REQUEST.has(code)) throw error
      this.#errors += 1
      // What clients hear may quote their data, which must not reach the log.
      const reason = this.#inputs.source === 'traffic' ? '' : `: ${message.slice(0, 500)}`
      this.#firstError ??= `${code}${reason}`
      return undefined
    }
  }

  #notInTime({ runMs }: Exchange): ServingError {
    const { serving, settings } = this.#inputs
    return new ServingError(
      'REHEARSAL_FAILED',
      `A request that version ${serving.version} ran in ${runMs.toFixed(1)} ms was not answered within ${settings.timeoutMs} ms (--rehearsal-timeout)`,
    )
  }

  #askServing(exchange: Exchange): Promise<TimedAnswer | undefined> {
    const { serving, reader, clock, signal, settings } = this.#inputs
    const deadlineAt = clock.monotonic() + settings.timeoutMs
    return answerByServing(serving, exchange, reader, { deadlineAt, signal })
  }

  async #isServingRandom(exchange: Exchange): Promise<boolean> {
    const { reader } = this.#inputs
    const again = await this.#askServing(exchange)
    if (again === undefined) return false
    const [before, now] = [reader.parse(exchange.answer), reader.parse(again.answer)]
    return mismatch(before, now, REPEATABLE) !== undefined
  }

  /**
   * Runs some requests again, on both versions, before a version is called slow: whatever else the machine does only
   * adds to a run, so that the fastest of several tells what the model takes.
   */
  async #compareRunTimes(): Promise<{ servingRunMs: number; ratio: number | undefined }> {
    const { maxLatencyRatio } = this.#inputs.settings
    const answered = this.#answered
    const servingMs = answered.map(({ exchange }) => this.#inOneThread(exchange.runMs))
    const ratio = latencyRatio(runTimes(answered), servingMs)
    const servingRunMs = median(servingMs)
    if (maxLatencyRatio === 0 || ratio === undefined || ratio <= maxLatencyRatio) {
      return { servingRunMs, ratio }
    }
    const slow = answered.slice(0, CONFIRMED)
    const freshMs: number[] = []
    for (const run of slow) {
      for (let i = 0; i < CONFIRMATIONS && !this.#isOver(); i += 1) {
        const again = await this.#answer(run.exchange)
        if (again !== undefined) run.runMs = Math.min(run.runMs, again.runMs)
      }
      const beside = this.#isOver() ? undefined : await this.#askServing(run.exchange)
      freshMs.push(this.#inOneThread(Math.max(run.exchange.runMs, beside?.runMs ?? 0)))
    }
    return { servingRunMs: median(freshMs), ratio: latencyRatio(runTimes(slow), freshMs) }
  }

  #inOneThread(servingRunMs: number): number {
    return servingRunMs * this.#inputs.servingThreads
  }

  #report({
    servingRunMs,
    ratio,
  }: {
    readonly servingRunMs: number
    readonly ratio: number | undefined
  }): RehearsalReport {
    const tally = this.#tally
    return {
      against: this.#inputs.serving.version,
      source: this.#inputs.source,
      requests: this.#answered.length + this.#errors,
      errors: this.#errors,
      firstError: this.#firstError,
      nonFinite: tally.nonFinite,
      shape: tally.shape,
      kind: tally.kind,
      added: tally.added,
      numbers: tally.numbers,
      largestDifference: tally.largest,
      meanDifference: tally.mean,
      decisions: tally.decisions,
      changed: tally.changed,
      runMs: median(runTimes(this.#answered)),
      servingRunMs,
      latencyRatio: ratio,
      random: this.#random,
      constant: this.#constant.constant,
      durationMs: this.#inputs.clock.monotonic() - this.#startedAt,
    }
  }
}

function runTimes(answered: readonly { readonly runMs: number }[]): readonly number[] {
  return answered.map(({ runMs }) => runMs)
}
