import type { MediaType } from '../../interfaces.ts'

/** A live request and the answer that the serving version gave to it. */
export interface Exchange {
  readonly media: MediaType
  /** The request's body. */
  readonly body: Uint8Array
  /** The answer's body. */
  readonly answer: Uint8Array
  /** Milliseconds of the run that answered it, which other requests may have shared. */
  readonly runMs: number
}

/** A request that will be kept if it is answered. */
export type TakenRequest = Pick<Exchange, 'media' | 'body'>

export interface RingLimits {
  /** Exchanges held at most; 0 keeps none. */
  readonly requests: number
  /** Bytes that bodies and answers may take together. */
  readonly maxBytes: number
}

/** Milliseconds between two exchanges once the ring is full: 64 of them are the last minute. */
const FULL_INTERVAL_MS = 1000
/** The first ones are taken one after the other: fewer cannot tell a constant answer from a chance. */
const TAKEN_AT_ONCE = 16
/** Share of the ring's bytes that one exchange may have. */
const LARGEST_SHARE = 1 / 4
/** A larger answer is not kept: reading one of this size in order to compare it takes 6 ms. */
export const MAX_ANSWER_BYTES = 128 * 1024

/**
 * Recent exchanges of one version, in memory alone: never written to disk, never logged, gone with the version. The
 * fuller it is, the rarer one is taken, so that it fills from the first requests on, holds about the last minute
 * of a busy version, and costs most requests one comparison with {@link dueAt}.
 */
export class ExchangeRing {
  readonly #limits: RingLimits
  readonly #kept: Exchange[] = []
  #bytes = 0
  /** Monotonic milliseconds from which on the next request is to be taken. */
  dueAt: number

  constructor(limits: RingLimits) {
    this.#limits = limits
    this.dueAt = limits.requests > 0 ? 0 : Number.POSITIVE_INFINITY
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Latest first. */
  exchanges(): readonly Exchange[] {
    return this.#kept.toReversed()
  }

  /**
   * Takes a copy of a request that has come at `now`: its buffer may be transferred, and would hold the whole chunk
   * that the socket gave. Undefined where it is too large.
   */
  take(media: MediaType, body: Uint8Array, now: number): TakenRequest | undefined {
    const { requests, maxBytes } = this.#limits
    if (body.byteLength > maxBytes * LARGEST_SHARE) return undefined
    const kept = this.#kept.length
    const fullness = Math.max(kept / requests, this.#bytes / maxBytes)
    const isFirst = kept < Math.min(TAKEN_AT_ONCE, requests / 4) && fullness < 1 / 4
    this.dueAt = isFirst ? now : now + FULL_INTERVAL_MS * fullness ** 2
    return { media, body: new Uint8Array(body) }
  }

  /** Keeps a request that was taken, with a copy of its answer, in place of the oldest ones; none that is too large. */
  keep(taken: TakenRequest, answer: string | Uint8Array, runMs: number): void {
    const { requests, maxBytes } = this.#limits
    if (answer.length > MAX_ANSWER_BYTES) return
    const copy =
      typeof answer === 'string' ? new TextEncoder().encode(answer) : new Uint8Array(answer)
    const exchange = { ...taken, answer: copy, runMs }
    const size = sizeOf(exchange)
    if (copy.byteLength > MAX_ANSWER_BYTES || size > maxBytes * LARGEST_SHARE) return
    this.#kept.push(exchange)
    this.#bytes += size
    while (this.#kept.length > requests || this.#bytes > maxBytes) {
      const oldest = this.#kept.shift()
      if (oldest === undefined) return
      this.#bytes -= sizeOf(oldest)
    }
  }
}

function sizeOf({ body, answer }: Exchange): number {
  return body.byteLength + answer.byteLength
}
