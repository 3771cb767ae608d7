import type { Clock } from '../src/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock that stands still until a test turns it. */
export class ManualClock implements Clock {
  #elapsed = 0
  #epoch: number
  #timers: Timer[] = []

  /** @param epoch what `now()` says at the start, in milliseconds since the epoch. */
  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch
  }

  now(): number {
    return this.#epoch + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Timers that have not fired and were not cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  /** Milliseconds until the next timer fires; undefined where none is set. */
  get nextIn(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : next.at - this.#elapsed
  }

  /** Moves on by `ms` milliseconds and fires what falls due on the way, in order of time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      const due = next
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#elapsed = due.at
      due.callback()
    }
    this.#elapsed = end
  }

  /** Sets the wall clock, as an operator or NTP would; durations are not touched. */
  setNow(epoch: number): void {
    this.#epoch = epoch - this.#elapsed
  }

  #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer
    return first
  }
}
