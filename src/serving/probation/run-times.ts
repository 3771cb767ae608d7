/** Sizes by powers of four: one byte to a gibibyte. */
const SIZES = 16
/** Times by quarters of a power of two, from 2^-6 ms (16 us) to 2^14 ms (16 s): 19 % from one to the next. */
const TIMES = 80
const STEPS_PER_DOUBLING = 4
const FIRST_EXPONENT = -6

/** Requests of one size that fewer than this were seen of tell nothing about their time. */
const LEAST_OF_A_SIZE = 5

/** Milliseconds that requests spend in the run of their batch. */
export interface TypicalTimes {
  readonly medianMs: number
  readonly meanMs: number
}

/**
 * How long runs took, by the bytes of input in their batch, since a batch of 64 rows takes longer than a row and
 * load decides which of them there are. Adding costs two logarithms a batch.
 */
export class RunTimes {
  /** Requests by size, then by time. */
  readonly #counts: Float64Array

  constructor(counts: Float64Array = new Float64Array(SIZES * TIMES)) {
    this.#counts = counts
  }

  /** @param requests that shared the run. */
  add(bytes: number, ms: number, requests: number): void {
    const size = Math.min(SIZES - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 2))
    const step = Math.floor((Math.log2(ms) - FIRST_EXPONENT) * STEPS_PER_DOUBLING)
    // The logarithm of no time at all is -Infinity.
    const cell = size * TIMES + Math.max(0, Math.min(TIMES - 1, step))
    this.#counts[cell] = (this.#counts[cell] ?? 0) + requests
  }

  get requests(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  copy(): RunTimes {
    return new RunTimes(this.#counts.slice())
  }

  /** What was added after `earlier`, a copy of the same. */
  since(earlier: RunTimes): RunTimes {
    return new RunTimes(this.#counts.map((count, cell) => count - (earlier.#counts[cell] ?? 0)))
  }

  /** The same without its slowest requests. */
  withoutSlowest(requests: number): RunTimes {
    const counts = this.#counts.slice()
    let left = requests
    for (let step = TIMES - 1; step >= 0 && left > 0; step -= 1) {
      for (let size = 0; size < SIZES && left > 0; size += 1) {
        const cell = size * TIMES + step
        const dropped = Math.min(left, counts[cell] ?? 0)
        counts[cell] = (counts[cell] ?? 0) - dropped
        left -= dropped
      }
    }
    return new RunTimes(counts)
  }

  /** Median and mean over all sizes, each size with its share of the requests; undefined where there are none. */
  typical(): TypicalTimes | undefined {
    return this.#weighted((size) => this.#ofSize(size))
  }

  /**
   * What requests of these sizes would take here. A size that was not seen often enough takes as long as the next
   * smaller one in proportion to its bytes, or as the next larger one: never less than it really would. Undefined
   * where nothing can be said.
   */
  expectedFor(others: RunTimes): TypicalTimes | undefined {
    return others.#weighted((size) => this.#estimate(size))
  }

  #weighted(timesOf: (size: number) => TypicalTimes | undefined): TypicalTimes | undefined {
    const all = this.requests
    if (all === 0) return undefined
    let medianMs = 0
    let meanMs = 0
    for (let size = 0; size < SIZES; size += 1) {
      const share = this.#countOf(size) / all
      if (share === 0) continue
      const times = timesOf(size)
      if (times === undefined) return undefined
      medianMs += share * times.medianMs
      meanMs += share * times.meanMs
    }
    return { medianMs, meanMs }
  }

  #estimate(size: number): TypicalTimes | undefined {
    for (let smaller = size; smaller >= 0; smaller -= 1) {
      if (this.#countOf(smaller) < LEAST_OF_A_SIZE) continue
      const { medianMs, meanMs } = this.#ofSize(smaller)
      const larger = 4 ** (size - smaller)
      return { medianMs: medianMs * larger, meanMs: meanMs * larger }
    }
    for (let larger = size + 1; larger < SIZES; larger += 1) {
      if (this.#countOf(larger) >= LEAST_OF_A_SIZE) return this.#ofSize(larger)
    }
    return undefined
  }

  #row(size: number): Float64Array {
    return this.#counts.subarray(size * TIMES, (size + 1) * TIMES)
  }

  #countOf(size: number): number {
    return this.#row(size).reduce((sum, count) => sum + count, 0)
  }

  #ofSize(size: number): TypicalTimes {
    const row = this.#row(size)
    const all = this.#countOf(size)
    let seen = 0
    let medianMs = 0
    let sumMs = 0
    for (const [step, count] of row.entries()) {
      if (count === 0) continue
      if (seen * 2 < all) medianMs = middleOf(step)
      seen += count
      sumMs += count * middleOf(step)
    }
    return { medianMs, meanMs: sumMs / all }
  }
}

/** Milliseconds in the middle of a step. */
function middleOf(step: number): number {
  return 2 ** (FIRST_EXPONENT + (step + 0.5) / STEPS_PER_DOUBLING)
}
