import { totalmem } from 'node:os'
import { ServingError } from '../errors.ts'

/**
 * Bodies up to this size are not counted: most requests cost nothing here, and are let in when large ones are refused.
 * The rows of the queues bound them.
 */
const UNCOUNTED_BYTES = 16 * 1024

const LARGEST_DEFAULT_BYTES = 512 * 2 ** 20

/**
 * What bodies may take together where nobody says: an eighth of the memory, at most 512 MiB. The process grows by up to
 * twice as much, since the pieces of a body are joined, and by what sockets hold.
 */
export function defaultBodyBytes(): number {
  // Without a control group this is 0, or more than there is.
  const memory = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem())
  return Math.min(LARGEST_DEFAULT_BYTES, Math.floor(memory / 8))
}

/**
 * Bytes of large bodies that the process holds, from their first piece to their answer. What has arrived counts, not
 * what was announced: a client that announces much and sends nothing takes no room from others.
 */
export class BodyBudget {
  readonly #maxBytes: number
  #held = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return this.#held
  }

  /** Why a body of this announced size need not be sent at all; undefined where there is room. */
  refusalOf(bytes: number): ServingError | undefined {
    return this.#fits(counted(bytes)) ? undefined : this.#full()
  }

  /**
   * Counts a body that has grown from one size to another; one that is alone may be as large as it likes. Counts
   * nothing and tells why where there is no room.
   */
  grow(from: number, to: number): ServingError | undefined {
    const before = counted(from)
    const more = counted(to) - before
    if (more === 0) return undefined
    if (this.#held !== before && !this.#fits(more)) return this.#full()
    this.#held += more
    return undefined
  }

  /** A body of this size is let go. */
  giveBack(bytes: number): void {
    this.#held -= counted(bytes)
  }

  #fits(more: number): boolean {
    return more === 0 || this.#held === 0 || this.#held + more <= this.#maxBytes
  }

  #full(): ServingError {
    return new ServingError(
      'BODIES_FULL',
      `The bodies of requests take ${this.#held} bytes, with this one more than ${this.#maxBytes}; the limit is --max-inflight-body-bytes (BATON_MAX_INFLIGHT_BODY_BYTES)`,
      { details: { retryAfterSeconds: 1 } },
    )
  }
}

function counted(bytes: number): number {
  return bytes > UNCOUNTED_BYTES ? bytes : 0
}
