import type { BatchSettings } from '../settings.ts'
import type { BatchLayout } from './batch-merge.ts'
import type { PendingRequest } from './pending-request.ts'

/** Requests that were taken stay in front of the array until there are this many. */
const COMPACT_AFTER = 1_024

/** Requests taken together, and the limit that kept the next one out. */
export interface Taken {
  readonly requests: PendingRequest[]
  readonly limit: 'rows' | 'bytes' | undefined
}

/** Waiting requests of one layout, in order of arrival. */
export class BatchLane {
  /** Undefined where the requests of the lane have nothing in common: each runs alone. */
  readonly layout: BatchLayout | undefined
  readonly #requests: PendingRequest[] = []
  #head = 0
  #rows = 0
  #bytes = 0

  constructor(layout: BatchLayout | undefined) {
    this.layout = layout
  }

  get isEmpty(): boolean {
    return this.#head === this.#requests.length
  }

  /** Monotonic time at which the first request came; Infinity where there is none. */
  get oldestAt(): number {
    return this.#requests[this.#head]?.queuedAt ?? Number.POSITIVE_INFINITY
  }

  /** Whether a batch of it is full. */
  isFull(limits: BatchSettings): boolean {
    return this.#rows >= limits.maxRows || this.#bytes >= limits.maxBytes
  }

  push(request: PendingRequest): void {
    this.#requests.push(request)
    this.#rows += request.rows
    this.#bytes += request.bytes
  }

  /** Takes the first request. */
  takeOne(): Taken {
    const first = this.#requests[this.#head]
    if (first === undefined) return { requests: [], limit: undefined }
    this.#removeFirst(first)
    return { requests: [first], limit: undefined }
  }

  /** Takes requests in their order up to the limits, at least one. */
  takeMany(limits: BatchSettings): Taken {
    const requests: PendingRequest[] = []
    let rows = 0
    let bytes = 0
    let next = this.#requests[this.#head]
    while (next !== undefined) {
      if (requests.length > 0) {
        if (rows + next.rows > limits.maxRows) return { requests, limit: 'rows' }
        if (bytes + next.bytes > limits.maxBytes) return { requests, limit: 'bytes' }
      }
      this.#removeFirst(next)
      requests.push(next)
      rows += next.rows
      bytes += next.bytes
      next = this.#requests[this.#head]
    }
    if (rows >= limits.maxRows) return { requests, limit: 'rows' }
    return { requests, limit: bytes >= limits.maxBytes ? 'bytes' : undefined }
  }

  /** Removes and returns the requests that `ends` says yes to. */
  remove(ends: (request: PendingRequest) => boolean): PendingRequest[] {
    const waiting = this.#requests.splice(0).slice(this.#head)
    this.#head = 0
    this.#rows = 0
    this.#bytes = 0
    const removed: PendingRequest[] = []
    for (const request of waiting) {
      if (ends(request)) removed.push(request)
      else this.push(request)
    }
    return removed
  }

  #removeFirst(first: PendingRequest): void {
    this.#rows -= first.rows
    this.#bytes -= first.bytes
    this.#head += 1
    if (this.#head === this.#requests.length) this.#requests.length = 0
    else if (this.#head >= COMPACT_AFTER) this.#requests.splice(0, this.#head)
    else return
    this.#head = 0
  }
}
