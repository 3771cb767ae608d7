import type { Clock } from '../clock.ts'

/** Deadlines that fall closer together than this are served by one sweep. */
const COARSENESS_MS = 5

/**
 * One timer for any number of deadlines. It is armed for the earliest and does not follow those that are met:
 * with a usual time limit it fires once in that time, not once a request.
 */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #sweep: (now: number) => number
  #firesAt = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  /** @param sweep ends what is due at `now` (monotonic ms) and returns the earliest deadline left, else Infinity. */
  constructor(clock: Clock, sweep: (now: number) => number) {
    this.#clock = clock
    this.#sweep = sweep
  }

  /** Makes sure that a sweep comes at or soon after this monotonic time. */
  watch(deadlineAt: number): void {
    if (deadlineAt >= this.#firesAt) return
    this.#cancel()
    this.#firesAt = deadlineAt
    this.#cancel = this.#clock.after(Math.max(0, deadlineAt - this.#clock.monotonic()), this.#fire)
  }

  stop(): void {
    this.#cancel()
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  readonly #fire = (): void => {
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    const next = this.#sweep(now)
    if (next !== Number.POSITIVE_INFINITY) this.watch(Math.max(next, now + COARSENESS_MS))
  }
}
