import type { Piscina } from 'piscina'
import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ThreadEnd } from './pool-observer.ts'
import type { PreparedThread } from './prepared-thread.ts'
import { type Parcel, ThreadLine } from './thread-line.ts'
import { createThreadPool } from './thread-pool.ts'
import type { WorkerAnswers, WorkerFailure, WorkerRequest } from './worker-messages.ts'

type Kind = WorkerRequest['kind']
type RequestOf<K extends Kind> = Extract<WorkerRequest, { kind: K }>

export interface ThreadOptions {
  readonly clock: Clock
  /** A run that takes longer has hung, and its thread is abandoned; undefined waits for ever. */
  readonly hangTimeoutMs: number | undefined
  /** As `hangTimeoutMs`, for a load. */
  readonly loadTimeoutMs?: number | undefined
  /** Where a thread stands from being given up until its run ends. */
  readonly abandoned: Set<WorkerThread>
  /** Taken over by the first that finds it. */
  readonly prepared?: PreparedThread | undefined
}

/** Told once each. */
export interface ThreadEvents {
  started(): void
  /** After the requests of the thread have failed. */
  ended(end: ThreadEnd, message: string): void
}

interface Job extends Parcel {
  readonly reject: (error: ServingError) => void
  cancelTimer?: () => void
}

/**
 * One thread: a Piscina pool of one, which answers requests one at a time in the order they were posted. It starts
 * with its first request. It is never mended: once it has ended, its requests have failed and it takes no more.
 */
export class WorkerThread {
  readonly #options: ThreadOptions
  readonly #events: ThreadEvents
  readonly #pool: Piscina
  /** In the order they were posted: the first is the one that runs. */
  readonly #jobs = new Set<Job>()
  #line: ThreadLine | undefined
  #state: 'new' | 'started' | 'closing' | 'ended' = 'new'
  #hasRun = false
  /** When the first job began to run, on the monotonic clock. */
  #runningSince = 0
  #cancelHangCheck: (() => void) | undefined
  #onDrained = (): void => {}

  constructor(options: ThreadOptions, events: ThreadEvents) {
    this.#options = options
    this.#events = events
    this.#pool = options.prepared?.take() ?? createThreadPool()
    // Without a listener, an error of an idle thread would end the process.
    this.#pool.on('error', (error: Error) => this.#exited(error.message))
  }

  /** Requests that wait or run. */
  get pending(): number {
    return this.#jobs.size
  }

  /** Whether a run has been answered, so that whatever ends the thread does not end it at once. */
  get hasRun(): boolean {
    return this.#hasRun
  }

  /** @throws ServingError of the worker; WORKER_LOST or DEADLINE_EXCEEDED when the thread ended first. */
  post<K extends Kind>(
    request: RequestOf<K>,
    transfer: ArrayBuffer[] = [],
  ): Promise<WorkerAnswers[K]> {
    if (this.#state === 'closing' || this.#state === 'ended') {
      return Promise.reject(workerLost('it was closed'))
    }
    return new Promise((resolve, reject) => {
      const job: Job = {
        request,
        transfer,
        reject,
        replied: (reply) => {
          this.#finished(job)
          if ('failure' in reply) reject(toError(reply.failure))
          else resolve((reply as { readonly answer: WorkerAnswers[K] }).answer)
        },
        failed: (error) => {
          this.#finished(job)
          reject(ServingError.from(error))
        },
      }
      this.#jobs.add(job)
      if (this.#jobs.size === 1) this.#begun()
      if (request.kind === 'load') this.#watchLoad(job, this.#options.loadTimeoutMs)
      this.#line ??= this.#start()
      this.#line.post(job)
    })
  }

  /**
   * Takes no more requests, waits for those it has, and ends the thread, which gives its memory back.
   * Returns without having ended it when a run hangs meanwhile and the thread is abandoned.
   */
  async close(): Promise<void> {
    if (this.#state === 'new') {
      this.#state = 'ended'
      await this.#pool.destroy()
    }
    if (this.#state !== 'started') return
    this.#state = 'closing'
    if (this.#jobs.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onDrained = resolve
      })
    }
    if (!this.#end()) return
    await this.#destroy()
    this.#events.ended('closed', 'its last model left')
  }

  /**
   * Gives up a thread whose run does not end: the run fails with DEADLINE_EXCEEDED, what waits behind it with
   * WORKER_LOST. The thread is ended when the run has, if ever: until then ending it would stop this one.
   */
  #abandon(message: string): void {
    if (!this.#end()) return
    const [running, ...waiting] = this.#jobs
    running?.reject(running.request.kind === 'load' ? neverLoaded(message) : neverAnswered(message))
    const unsent = new Set<Parcel>(this.#line?.takeBack())
    for (const job of waiting) {
      job.cancelTimer?.()
      job.reject(workerLost(message))
      // What was sent is answered by the thread, if ever, and it lasts until then.
      if (unsent.has(job)) this.#jobs.delete(job)
    }
    this.#onDrained()
    const { abandoned } = this.#options
    abandoned.add(this)
    this.#onDrained = () => {
      void this.#destroy().then(() => abandoned.delete(this))
    }
    this.#events.ended('hung', message)
  }

  #start(): ThreadLine {
    this.#state = 'started'
    const line = new ThreadLine(this.#pool)
    for (const thread of this.#pool.threads) {
      thread.once('error', (error: Error) => this.#exited(error.message))
      thread.once('exit', (code: number) => this.#exited(`it exited with code ${code}`))
    }
    this.#events.started()
    return line
  }

  #exited(message: string): void {
    for (const job of this.#jobs) {
      job.cancelTimer?.()
      job.reject(workerLost(message))
    }
    this.#jobs.clear()
    this.#line?.takeBack()
    this.#onDrained()
    if (this.#state !== 'started') return
    this.#end()
    void this.#destroy()
    this.#events.ended('exited', message)
  }

  #destroy(): Promise<void> {
    this.#line?.close()
    return this.#pool.destroy()
  }

  /** Whether this call was the one that ended it. */
  #end(): boolean {
    if (this.#state === 'ended') return false
    this.#state = 'ended'
    this.#cancelHangCheck?.()
    return true
  }

  #finished(job: Job): void {
    job.cancelTimer?.()
    if (!this.#jobs.delete(job)) return
    if (isRun(job)) this.#hasRun = true
    if (this.#jobs.size === 0) this.#onDrained()
    else if (this.#state !== 'ended') this.#begun()
  }

  #begun(): void {
    this.#runningSince = this.#options.clock.monotonic()
    if (this.#cancelHangCheck === undefined) this.#checkForHang(this.#options.hangTimeoutMs)
  }

  /** Loads are few: a timer each. One that waits for another has its time from when that has ended. */
  #watchLoad(job: Job, afterMs: number | undefined): void {
    const { clock, loadTimeoutMs } = this.#options
    if (afterMs === undefined || loadTimeoutMs === undefined) return
    job.cancelTimer = clock.after(afterMs, () => {
      const [running] = this.#jobs
      const loadMs = running === job ? clock.monotonic() - this.#runningSince : 0
      if (loadMs < loadTimeoutMs) this.#watchLoad(job, loadTimeoutMs - loadMs)
      else this.#abandon(`loading took longer than ${loadTimeoutMs} ms`)
    })
  }

  /** One timer for as long as the thread is busy, not one for each run. */
  #checkForHang(afterMs: number | undefined): void {
    const { clock, hangTimeoutMs } = this.#options
    if (afterMs === undefined || hangTimeoutMs === undefined) return
    this.#cancelHangCheck = clock.after(afterMs, () => {
      this.#cancelHangCheck = undefined
      const [running] = this.#jobs
      if (running === undefined) return
      const runMs = clock.monotonic() - this.#runningSince
      if (isRun(running) && runMs >= hangTimeoutMs) {
        this.#abandon(`a run took longer than ${hangTimeoutMs} ms`)
      } else {
        this.#checkForHang(Math.max(hangTimeoutMs - runMs, hangTimeoutMs / 10))
      }
    })
  }
}

/** Loading may take longer. */
function isRun({ request: { kind } }: Job): boolean {
  return kind === 'run' || kind === 'invoke'
}

function toError({ code, message, details }: WorkerFailure): ServingError {
  return new ServingError(code, message, { details })
}

function neverAnswered(message: string): ServingError {
  return new ServingError('DEADLINE_EXCEEDED', `The model did not answer: ${message}`)
}

function neverLoaded(message: string): ServingError {
  return new ServingError('LOAD_FAILED', `The model could not be loaded: ${message}`)
}

function workerLost(message: string): ServingError {
  return new ServingError('WORKER_LOST', `The worker of this model was lost: ${message}`)
}
