import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { Registry, Resolution } from '../interfaces.ts'
import { isFollowed, type ModelRef } from '../model/model-uri.ts'

/** A reference and what it means now. */
export interface RefResolution {
  readonly ref: ModelRef
  readonly resolution: Resolution
}

/** When a model is asked for, and who hears of it. */
export interface PollOptions {
  readonly registry: Registry
  /** Milliseconds between two polls; each is up to a fifth sooner, so that processes drift apart. */
  readonly intervalMs: number
  /** Longest wait between two tries while the registry fails; 60,000 ms. */
  readonly maxBackoffMs?: number
  /** Shortest time between the starts of two polls, however many hints come; 500 ms. */
  readonly minGapMs?: number
  /** Limit of one poll with all its calls; 15,000 ms. */
  readonly timeoutMs?: number
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Every reference of the model, each with what it means: the whole truth each time. */
  readonly onResolved: (name: string, resolutions: readonly RefResolution[]) => void
  /** The registry did not answer; `nextTryAt` in milliseconds since the epoch. What was resolved stays. */
  readonly onFailure: (name: string, error: ServingError, nextTryAt: number) => void
}

export interface PollStatus {
  readonly name: string
  readonly refs: readonly { readonly ref: ModelRef; readonly resolution: Resolution | undefined }[]
  /** Milliseconds since the epoch at which the registry last answered. */
  readonly lastContactAt: number | undefined
  /** Why the last poll failed; undefined when it did not. */
  readonly error: ServingError | undefined
  /** Polls that failed in a row. */
  readonly failures: number
  /** Milliseconds since the epoch; undefined while a poll is under way, or when there is nothing left to ask. */
  readonly nextPollAt: number | undefined
}

const TICKS_AN_INTERVAL = 10

/** The polling of one model: one poll at a time, and the pauses between. */
export class ModelPoll {
  readonly #name: string
  readonly #refs: readonly ModelRef[]
  readonly #options: PollOptions
  readonly #resolutions = new Map<ModelRef, Resolution>()
  #failures = 0
  #error: ServingError | undefined
  #lastContactAt: number | undefined
  /** Monotonic time of the last start. */
  #startedAt = Number.NEGATIVE_INFINITY
  #flight: { readonly abort: AbortController; readonly done: Promise<void> } | undefined
  /** A hint came while a poll was under way, which may have asked before the change. */
  #hinted = false
  #timer: { readonly dueAt: number; readonly cancel: () => void } | undefined
  #stopped = false

  constructor(name: string, refs: readonly ModelRef[], options: PollOptions) {
    this.#name = name
    this.#refs = refs
    this.#options = options
  }

  /** Polls as soon as the gap to the last poll allows. Hints that come together are one. */
  hint(): void {
    if (this.#stopped || this.#open().length === 0) return
    if (this.#flight !== undefined) this.#hinted = true
    else this.#schedule(this.#gap())
  }

  /** No callback comes after this. Resolves when the call under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#flight?.abort.abort()
    await this.#flight?.done
  }

  status(): PollStatus {
    const { clock } = this.#options
    return {
      name: this.#name,
      refs: this.#refs.map((ref) => ({ ref, resolution: this.#resolutions.get(ref) })),
      lastContactAt: this.#lastContactAt,
      error: this.#error,
      failures: this.#failures,
      nextPollAt:
        this.#timer === undefined
          ? undefined
          : clock.now() + Math.max(0, this.#timer.dueAt - clock.monotonic()),
    }
  }

  /** References that still have to be asked for: a fixed one only until it has been resolved. */
  #open(): readonly ModelRef[] {
    return this.#refs.filter((ref) => {
      const resolution = this.#resolutions.get(ref)
      return isFollowed(ref) || resolution === undefined || resolution instanceof ServingError
    })
  }

  #gap(): number {
    const { clock, minGapMs = 500 } = this.#options
    return Math.max(0, this.#startedAt + minGapMs - clock.monotonic())
  }

  /** The sooner of the timer that is set and this one stays. */
  #schedule(delayMs: number): void {
    const { clock } = this.#options
    const dueAt = clock.monotonic() + delayMs
    if (this.#timer !== undefined && this.#timer.dueAt <= dueAt) return
    this.#timer?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#timer = undefined
      this.#start()
    })
    this.#timer = { dueAt, cancel }
  }

  #start(): void {
    this.#startedAt = this.#options.clock.monotonic()
    const abort = new AbortController()
    this.#flight = { abort, done: this.#poll(abort) }
  }

  async #poll(abort: AbortController): Promise<void> {
    const asked = this.#open()
    let resolutions: readonly Resolution[]
    try {
      resolutions = await this.#ask(asked, abort)
    } catch (error) {
      if (!this.#stopped) this.#failed(ServingError.from(error, 'REGISTRY_UNAVAILABLE'))
      return
    }
    if (this.#stopped) return
    for (const [index, ref] of asked.entries()) {
      const resolution = resolutions[index]
      if (resolution !== undefined) this.#resolutions.set(ref, resolution)
    }
    this.#succeeded()
  }

  /** The time limit holds for a registry that does not heed its signal, too. */
  async #ask(refs: readonly ModelRef[], abort: AbortController): Promise<readonly Resolution[]> {
    const { registry, clock, timeoutMs = 15_000 } = this.#options
    const cancelLimit = clock.after(timeoutMs, () =>
      abort.abort(
        new ServingError(
          'REGISTRY_UNAVAILABLE',
          `The registry did not say within ${timeoutMs} ms which version of "${this.#name}" is meant`,
        ),
      ),
    )
    const aborted = new Promise<never>((_resolve, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true })
    })
    try {
      return await Promise.race([registry.resolve(refs, abort.signal), aborted])
    } finally {
      cancelLimit()
    }
  }

  #succeeded(): void {
    this.#failures = 0
    this.#error = undefined
    this.#lastContactAt = this.#options.clock.now()
    this.#rest(this.#open().length === 0 ? undefined : this.#pause())
    const all = this.#refs.flatMap((ref) => {
      const resolution = this.#resolutions.get(ref)
      return resolution === undefined ? [] : [{ ref, resolution }]
    })
    this.#options.onResolved(this.#name, all)
  }

  /**
   * Until the next poll: an interval less up to a tenth, ended at a tick that the polls of other models end at, too. A
   * wake-up of the process and of its file threads costs more than a poll: 100 models took 1 % of a core without ticks.
   */
  #pause(): number {
    const { intervalMs, clock, random } = this.#options
    const now = clock.monotonic()
    const tickMs = intervalMs / TICKS_AN_INTERVAL
    return Math.floor((now + spread(intervalMs, 0.1, random)) / tickMs) * tickMs - now
  }

  #failed(error: ServingError): void {
    const { intervalMs, maxBackoffMs = 60_000, clock, random } = this.#options
    this.#failures += 1
    this.#error = error
    // A model that is not registered yet is an answer: no reason to ask less often.
    const isAnswer = error.code === 'MODEL_NOT_FOUND'
    if (isAnswer) this.#lastContactAt = clock.now()
    const longest = Math.max(intervalMs, maxBackoffMs)
    const backoff = Math.min(longest, intervalMs * 2 ** this.#failures)
    this.#rest(isAnswer ? spread(intervalMs, 0.1, random) : spread(backoff, 0.5, random))
    const { nextPollAt = clock.now() } = this.status()
    this.#options.onFailure(this.#name, error, nextPollAt)
  }

  /** Ends the flight and sets the timer of the next, if there is to be one. */
  #rest(delayMs: number | undefined): void {
    this.#flight = undefined
    if (delayMs !== undefined) this.#schedule(this.#hinted ? this.#gap() : delayMs)
    this.#hinted = false
  }
}

/** `ms` less up to `share` of it, at random. */
function spread(ms: number, share: number, random: () => number): number {
  return ms * (1 - share * random())
}
