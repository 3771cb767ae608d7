import type { Clock } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import { RunTimes } from './run-times.ts'

/**
 * Failures that speak against the version that answered. A model that throws at an input which its signature lets
 * through counts, whatever status the protocol gives that (400 in MLflow's): where it is the input's fault, the
 * version before threw as often. So does a request that fits the signature and not the graph, an answer that cannot
 * be written, a run that does not end in time, and a worker that dies of it.
 *
 * What the client alone decides does not: a body that cannot be read, is too large, too slow or does not fit the
 * signature, a connection that closes. Nor does a full queue, which more load fills as well as a slower version:
 * that shows in its run times.
 */
export const VERSION_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'MODEL_FAILED',
  'INPUT_NOT_MAPPABLE',
  'OUTPUT_NOT_ENCODABLE',
  'DEADLINE_EXCEEDED',
  'WORKER_LOST',
  'INTERNAL',
])

/** The shortest and the least that the recent past of a version holds, once it has answered that long and that much. */
const PERIOD_MS = 60_000
const PERIOD_REQUESTS = 1_000

/** What a version did in some time. */
export interface TrafficSample {
  /** Requests it answered. */
  readonly answered: number
  /** Requests it failed, by code; those of {@link VERSION_FAULTS} alone. */
  readonly faults: ReadonlyMap<ErrorCode, number>
  /** Of the runs that did not fail. */
  readonly runTimes: RunTimes
}

/** What a version has done so far. An answer costs an addition, a batch a few. */
export class TrafficRecord {
  readonly #clock: Clock
  readonly #faults = new Map<ErrorCode, number>()
  readonly #runTimes = new RunTimes()
  #answered = 0
  /** Samples at the starts of this period and of the one before. */
  #periodStart = noTraffic()
  #previousStart = this.#periodStart
  #periodStartedAt: number

  /** Called after each failure that speaks against the version. */
  onFault: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#periodStartedAt = clock.monotonic()
  }

  /** A request was answered. */
  answered(): void {
    this.#answered += 1
  }

  /** A request was answered with an error. */
  failed(code: ErrorCode): void {
    if (!VERSION_FAULTS.has(code)) return
    this.#faults.set(code, (this.#faults.get(code) ?? 0) + 1)
    this.onFault?.()
  }

  /** A batch of so many requests and bytes has run, for so long, and did not fail. */
  ran(requests: number, bytes: number, ms: number): void {
    this.#runTimes.add(bytes, ms, requests)
    const now = this.#clock.monotonic()
    if (now - this.#periodStartedAt >= PERIOD_MS) this.#endPeriod(now)
  }

  /** All so far. */
  sample(): TrafficSample {
    return {
      answered: this.#answered,
      faults: new Map(this.#faults),
      runTimes: this.#runTimes.copy(),
    }
  }

  /** What came after an earlier {@link sample}. */
  since(earlier: TrafficSample): TrafficSample {
    const faults = new Map<ErrorCode, number>()
    for (const [code, count] of this.#faults) {
      const more = count - (earlier.faults.get(code) ?? 0)
      if (more > 0) faults.set(code, more)
    }
    return {
      answered: this.#answered - earlier.answered,
      faults,
      runTimes: this.#runTimes.since(earlier.runTimes),
    }
  }

  /** The recent past: one to two minutes or a thousand requests, whichever is more, where there was that much. */
  recent(): TrafficSample {
    return this.since(this.#previousStart)
  }

  #endPeriod(now: number): void {
    const { answered, faults } = this.since(this.#periodStart)
    if (answered + countFaults(faults) < PERIOD_REQUESTS) return
    this.#previousStart = this.#periodStart
    this.#periodStart = this.sample()
    this.#periodStartedAt = now
  }
}

function noTraffic(): TrafficSample {
  return { answered: 0, faults: new Map(), runTimes: new RunTimes() }
}

export function countFaults(faults: TrafficSample['faults']): number {
  let sum = 0
  for (const count of faults.values()) sum += count
  return sum
}
