/** Time as a dependency, so that a test can turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. May jump when the machine's clock is set; for people and logs. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back; for durations and deadlines. */
  monotonic(): number
  /** Calls `callback` once after `ms` milliseconds; returns the way to cancel, which may be called at any time. */
  after(ms: number, callback: () => void): () => void
}

// setTimeout fires at once when the delay does not fit 32 bits.
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The machine's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, MAX_TIMEOUT_MS))
    return () => clearTimeout(timer)
  },
}
