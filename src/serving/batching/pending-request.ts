import { ServingError } from '../../errors.ts'
import type { NamedTensors } from '../../model/tensor.ts'

/** Milliseconds of a request's way through the batcher, filled in for whoever asks. */
export interface RequestTimings {
  queueMs: number
  runMs: number
}

export interface SubmitOptions {
  /**
   * Whether the caller still wants the answer: an AbortSignal, or anything as cheap as a look at a socket. It is
   * read when a batch forms and when deadlines are swept, so that a request costs no listener.
   */
  readonly signal?: { readonly aborted: boolean } | undefined
  /** Time of the clock's `monotonic()` after which the answer is of no use. */
  readonly deadlineAt?: number | undefined
  readonly timings?: RequestTimings | undefined
}

/** What a request takes up in the queue. */
export interface RequestSize {
  readonly rows: number
  readonly bytes: number
}

/** A request that waits or runs. It is answered once; whatever comes later is dropped. */
export class PendingRequest {
  readonly feeds: NamedTensors
  readonly rows: number
  readonly bytes: number
  /** Monotonic milliseconds at which it came. */
  readonly queuedAt: number
  /** Monotonic milliseconds; Infinity where it has no deadline. */
  readonly deadlineAt: number
  /** What is done in place of a run of the model. */
  readonly work: (() => Promise<NamedTensors>) | undefined
  readonly #options: SubmitOptions
  readonly #resolve: (outputs: NamedTensors) => void
  readonly #reject: (error: ServingError) => void
  #settled = false

  constructor(
    feeds: NamedTensors,
    size: RequestSize,
    queuedAt: number,
    options: SubmitOptions,
    resolve: (outputs: NamedTensors) => void,
    reject: (error: ServingError) => void,
    work?: () => Promise<NamedTensors>,
  ) {
    this.feeds = feeds
    this.rows = size.rows
    this.bytes = size.bytes
    this.queuedAt = queuedAt
    this.deadlineAt = options.deadlineAt ?? Number.POSITIVE_INFINITY
    this.work = work
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  get settled(): boolean {
    return this.#settled
  }

  /** Notes how long it waited for its worker. */
  started(now: number): void {
    if (this.#options.timings !== undefined) this.#options.timings.queueMs = now - this.queuedAt
  }

  answer(outputs: NamedTensors, runMs: number): void {
    if (this.#settled) return
    this.#settled = true
    if (this.#options.timings !== undefined) this.#options.timings.runMs = runMs
    this.#resolve(outputs)
  }

  /** Returns whether this was its answer. */
  fail(error: ServingError): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#reject(error)
    return true
  }

  /** Ends it where its deadline has passed or its caller has gone. Returns whether it did so. */
  endIfUnwanted(now: number): boolean {
    const reason = unwanted(this.#options, now)
    return reason !== undefined && this.fail(reason)
  }
}

/** Why a request with these options need not run at `now`. */
export function unwanted(options: SubmitOptions, now: number): ServingError | undefined {
  if (options.deadlineAt !== undefined && options.deadlineAt <= now) {
    return new ServingError(
      'DEADLINE_EXCEEDED',
      'The time limit of the request ended before its answer was ready',
    )
  }
  if (options.signal?.aborted === true) {
    return new ServingError(
      'CLIENT_CLOSED',
      'The client closed the connection before the answer was ready',
    )
  }
  return undefined
}
