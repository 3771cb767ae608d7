import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { LoadedModel } from '../../interfaces.ts'
import type { NamedTensors } from '../../model/tensor.ts'
import { DeadlineTimer } from '../deadline-timer.ts'
import type { BatchSettings } from '../settings.ts'
import { byteLength, commonRows, rowMismatch } from './batch-merge.ts'
import { batchingObstacle } from './batch-obstacle.ts'
import { BatchQueue } from './batch-queue.ts'
import {
  answerBatch,
  type BatchReport,
  mayRunAgain,
  type RunningBatch,
  reportOf,
  runBatch,
} from './batch-run.ts'
import { DrainRate } from './drain-rate.ts'
import {
  PendingRequest,
  type RequestSize,
  type SubmitOptions,
  unwanted,
} from './pending-request.ts'

export type BatchObserver = (report: BatchReport) => void

export interface BatcherParts {
  readonly model: Pick<LoadedModel, 'info' | 'parallelism' | 'run'>
  readonly settings: BatchSettings
  readonly clock: Clock
  readonly observer?: BatchObserver | undefined
}

const NOTHING: NamedTensors = {}

/** Clients that go within this time are looked for together. */
const LEAVING_MS = 5

/**
 * Turns the requests of one version into batches, one thread hop each. A batch holds what came while the
 * workers ran; each caller gets exactly its rows. A batch in which a request fails is run again one by one,
 * so that only that request fails. What waits is bounded by rows and by bytes.
 */
export class Batcher {
  readonly #model: BatcherParts['model']
  readonly #settings: BatchSettings
  readonly #clock: Clock
  readonly #observer: BatchObserver | undefined
  readonly #queue: BatchQueue
  readonly #running = new Set<RunningBatch>()
  readonly #deadlines: DeadlineTimer
  /** Fires when a batch that waits for company is old enough. */
  readonly #delay: DeadlineTimer
  readonly #drainRate = new DrainRate()
  #dispatchDue = false
  #obstacle: string | undefined
  #closedWith: ServingError | undefined
  #onIdle: (() => void)[] = []

  constructor(parts: BatcherParts) {
    this.#model = parts.model
    this.#settings = parts.settings
    this.#clock = parts.clock
    this.#observer = parts.observer
    this.#queue = new BatchQueue(parts.settings)
    this.#deadlines = new DeadlineTimer(parts.clock, (now) => this.#sweep(now))
    this.#delay = new DeadlineTimer(parts.clock, () => {
      this.#dispatchNow()
      return Number.POSITIVE_INFINITY
    })
    this.#obstacle = batchingObstacle(parts.model.info, parts.settings)
  }

  /** Why requests of this version run alone; undefined while they share batches. */
  get obstacle(): string | undefined {
    return this.#obstacle
  }

  /** Rows that wait for a worker. */
  get waitingRows(): number {
    return this.#queue.rows
  }

  /**
   * Runs one request, alone or in company. The buffers of `feeds` may be transferred to a worker: the caller must
   * not touch them again. Numbers of the answer may be views of a buffer that other answers share.
   * @throws ServingError QUEUE_FULL (details: `retryAfterSeconds`), DEADLINE_EXCEEDED, CLIENT_CLOSED, MODEL_FAILED,
   * WORKER_LOST, or what {@link close} was given.
   */
  submit(feeds: NamedTensors, options: SubmitOptions = {}): Promise<NamedTensors> {
    const commonly = commonRows(feeds)
    const size = { rows: commonly ?? 1, bytes: byteLength(feeds) }
    // An empty request runs alone: whether a model takes no rows at all is its own affair.
    return this.#enqueue(feeds, size, options, commonly !== undefined && commonly > 0)
  }

  /**
   * Calls `run` when its turn has come, as a batch of its own: for work on a worker that is more than a run.
   * @param bytes what it takes up in the queue, beside one row.
   * @throws what {@link submit} and `run` throw.
   */
  async submitAlone<T>(
    run: () => Promise<T>,
    bytes: number,
    options: SubmitOptions = {},
  ): Promise<T> {
    let answer: T | undefined
    const work = async (): Promise<NamedTensors> => {
      answer = await run()
      return NOTHING
    }
    await this.#enqueue(NOTHING, { rows: 1, bytes }, options, false, work)
    // It was resolved, so `run` has ended and given its answer.
    return answer as T
  }

  /** From now on every request runs alone. The first reason given stays. */
  disableBatching(reason: string): void {
    this.#obstacle ??= reason
  }

  /** A client may have gone: soon, and once for many, those that nobody waits for any more are dropped. */
  clientLeft(): void {
    if (!this.#isIdle()) this.#deadlines.watch(this.#clock.monotonic() + LEAVING_MS)
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /**
   * Answers all that waits or runs with `error`, and whatever is submitted later. Runs that have started go on in
   * their workers; {@link idle} tells when they have ended. Returns the number of requests cut.
   */
  close(error: ServingError): number {
    this.#closedWith ??= error
    this.#deadlines.stop()
    this.#delay.stop()
    let cut = this.#queue.remove((request) => request.fail(error))
    for (const batch of this.#running) {
      for (const request of batch.requests) if (request.fail(error)) cut += 1
    }
    this.#announceIdle()
    return cut
  }

  #enqueue(
    feeds: NamedTensors,
    size: RequestSize,
    options: SubmitOptions,
    shared: boolean,
    work?: () => Promise<NamedTensors>,
  ): Promise<NamedTensors> {
    const now = this.#clock.monotonic()
    const refusal = this.#closedWith ?? unwanted(options, now) ?? this.#overflow(size)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const request = new PendingRequest(feeds, size, now, options, resolve, reject, work)
      this.#queue.push(request, shared)
      if (options.deadlineAt !== undefined) this.#deadlines.watch(options.deadlineAt)
      this.#scheduleDispatch()
    })
  }

  #overflow(size: RequestSize): ServingError | undefined {
    const { requests, rows, bytes } = this.#queue
    const { maxQueueRows, maxQueueBytes } = this.#settings
    const fits = rows + size.rows <= maxQueueRows && bytes + size.bytes <= maxQueueBytes
    // A request larger than the whole queue is let in when it is empty: it would never fit otherwise.
    if (fits || requests === 0) return undefined
    const retryAfterSeconds = this.#drainRate.secondsFor(rows)
    const message = `The model's queue is full: ${rows} rows and ${bytes} bytes wait (limits ${maxQueueRows} and ${maxQueueBytes}); try again in ${retryAfterSeconds} s`
    return new ServingError('QUEUE_FULL', message, { details: { retryAfterSeconds } })
  }

  /**
   * Batches form at the end of the event loop's turn, when all requests that came in it are there. Measured over
   * HTTP (iris, 64 connections, one core): 25 to 27 requests a batch and 29 to 35 us of CPU a request, 20 and 36 to
   * 39 with a microtask; with one connection no difference.
   */
  #scheduleDispatch(): void {
    if (this.#dispatchDue || this.#running.size >= this.#model.parallelism) return
    this.#dispatchDue = true
    setImmediate(this.#dispatchNow)
  }

  readonly #dispatchNow = (): void => {
    this.#dispatchDue = false
    this.#dispatch()
    this.#announceIdle()
  }

  #dispatch(): void {
    while (this.#queue.requests > 0 && this.#running.size < this.#model.parallelism) {
      const now = this.#clock.monotonic()
      const batch = this.#queue.take(now, this.#obstacle !== undefined)
      if (batch === undefined) {
        this.#delay.watch(this.#queue.ripeAt())
        return
      }
      this.#start({ ...batch, startedAt: now })
    }
  }

  #start(batch: RunningBatch): void {
    this.#running.add(batch)
    for (const request of batch.requests) request.started(batch.startedAt)
    runBatch(this.#model, batch).then(
      (outputs) => this.#finish(batch, outputs),
      (error: unknown) => this.#fail(batch, ServingError.from(error)),
    )
  }

  #finish(batch: RunningBatch, outputs: NamedTensors): void {
    const mismatch = batch.reason === 'alone' ? undefined : rowMismatch(outputs, batch.rows)
    if (mismatch !== undefined) this.disableBatching(mismatch)
    if (mismatch !== undefined && batch.requests.length > 1) {
      this.#runAgain(batch)
      return
    }
    const runMs = this.#leaveWorker(batch, false)
    answerBatch(batch, outputs, runMs)
    this.#announceIdle()
  }

  #fail(batch: RunningBatch, error: ServingError): void {
    if (mayRunAgain(batch, error)) {
      this.#runAgain(batch)
      return
    }
    this.#leaveWorker(batch, true)
    for (const request of batch.requests) request.fail(error)
    this.#announceIdle()
  }

  /** Runs the requests of a batch one by one, each once more. Their own buffers were only read to merge them. */
  #runAgain(batch: RunningBatch): void {
    for (const request of batch.requests) if (!request.settled) this.#queue.pushAgain(request)
    this.#leaveWorker(batch, true)
    this.#announceIdle()
  }

  /** Gives the batch's worker the next batch, before the answers of this one are handed out. */
  #leaveWorker(batch: RunningBatch, failed: boolean): number {
    const runMs = this.#clock.monotonic() - batch.startedAt
    this.#running.delete(batch)
    this.#drainRate.add(batch.rows * this.#model.parallelism, runMs)
    this.#dispatch()
    this.#observer?.(reportOf(batch, runMs, failed))
    return runMs
  }

  /** Ends what is due and returns the earliest deadline that is left. */
  #sweep(now: number): number {
    let next = Number.POSITIVE_INFINITY
    const ends = (request: PendingRequest): boolean => {
      if (request.settled || request.endIfUnwanted(now)) return true
      next = Math.min(next, request.deadlineAt)
      return false
    }
    this.#queue.remove(ends)
    for (const batch of this.#running) batch.requests.forEach(ends)
    this.#announceIdle()
    return next
  }

  #isIdle(): boolean {
    return this.#queue.requests === 0 && this.#running.size === 0
  }

  #announceIdle(): void {
    if (this.#onIdle.length === 0 || !this.#isIdle()) return
    const listeners = this.#onIdle
    this.#onIdle = []
    for (const listener of listeners) listener()
  }
}
