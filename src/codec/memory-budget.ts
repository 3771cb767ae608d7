import { ServingError } from '../errors.ts'

/**
 * What the values of one body may take in the heap, counted while it is read. A body of a few bytes a value asks for a
 * hundred times its size, and a heap that is full ends the process: V8 gives a thread no way to fail alone.
 *
 * The costs are those of V8 on 64 bits (measured, Node 20), rounded up.
 */
export class MemoryBudget {
  readonly #bytes: number
  #left: number

  constructor(bytes = Number.POSITIVE_INFINITY) {
    this.#bytes = bytes
    this.#left = bytes
  }

  /** @throws ServingError BODY_TOO_LARGE */
  spend(bytes: number): void {
    this.#left -= bytes
    if (this.#left < 0) throw this.#exceeded()
  }

  #exceeded(): ServingError {
    return new ServingError(
      'BODY_TOO_LARGE',
      `Expected a body whose values take at most ${this.#bytes} bytes of memory; the limit is --max-body-memory (BATON_MAX_BODY_MEMORY)`,
    )
  }
}

/** What values take, in bytes. */
export const COST = {
  /** A place in a list, with the room for its growth. */
  slot: 12,
  /** An integer of Python; any other number, too. */
  number: 24,
  /** A short string, a part of the body's text, or one that an escape is added to. */
  string: 32,
  emptyList: 40,
  /** What the first item of a list adds: room for 17. */
  list: 152,
  object: 192,
  member: 52,
} as const
