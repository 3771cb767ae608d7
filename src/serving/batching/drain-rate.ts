/** Weight of the newest batch in the average. */
const NEWEST_WEIGHT = 0.2

/** How fast a queue empties, measured on the batches that ran. */
export class DrainRate {
  #rowsPerMs: number | undefined

  /** Counts rows that left the queue in `ms` milliseconds. */
  add(rows: number, ms: number): void {
    if (ms <= 0 || rows <= 0) return
    const rate = rows / ms
    const previous = this.#rowsPerMs ?? rate
    this.#rowsPerMs = previous + NEWEST_WEIGHT * (rate - previous)
  }

  /** Whole seconds from 1 up in which this many rows leave the queue; 1 before anything was measured. */
  secondsFor(rows: number): number {
    if (this.#rowsPerMs === undefined) return 1
    return Math.max(1, Math.ceil(rows / this.#rowsPerMs / 1_000))
  }
}
