import type { NamedTensors } from '../../model/tensor.ts'
import type { BatchSettings } from '../settings.ts'
import { BatchLane, type Taken } from './batch-lane.ts'
import { type BatchLayout, hasLayout, layoutOf } from './batch-merge.ts'
import type { PendingRequest } from './pending-request.ts'

/**
 * Why a batch was closed: a worker was free and nothing more waited, the row or byte limit, the age of its
 * oldest request, or because the request can share no batch.
 */
export type BatchCloseReason = 'idle-worker' | 'rows' | 'bytes' | 'age' | 'alone'

/** Requests that run together. */
export interface Batch {
  readonly requests: readonly PendingRequest[]
  /** What the requests have in common; undefined for one that can share no batch. */
  readonly layout: BatchLayout | undefined
  readonly rows: number
  readonly reason: BatchCloseReason
  /** Whether its request has been in a run before, which failed. */
  readonly isRetry: boolean
}

/** Empty lanes up to this many are kept, so that steady traffic of few layouts makes none anew. */
const KEPT_LANES = 8

/**
 * The waiting requests of one version: a lane for each layout, and the lane whose first request came first
 * goes first. Holds no clock and starts nothing.
 */
export class BatchQueue {
  readonly #settings: BatchSettings
  #lanes: BatchLane[] = []
  readonly #alone = new BatchLane(undefined)
  /** Requests to run again, each alone and before all others: they have waited once already. */
  readonly #again = new BatchLane(undefined)
  #requests = 0
  #rows = 0
  #bytes = 0

  constructor(settings: BatchSettings) {
    this.#settings = settings
  }

  /** Requests that wait. */
  get requests(): number {
    return this.#requests
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds a request; `shared` says whether it may share a batch. */
  push(request: PendingRequest, shared: boolean): void {
    this.#add(shared ? this.#laneFor(request.feeds) : this.#alone, request)
  }

  /** Puts a request of a run that failed in front, to be run alone. */
  pushAgain(request: PendingRequest): void {
    this.#add(this.#again, request)
  }

  /**
   * The next batch that may close at `now`; undefined where none may yet. Requests that nobody wants any more end
   * here.
   * @param single every request runs alone, whatever its lane.
   */
  take(now: number, single: boolean): Batch | undefined {
    for (let lane = this.#next(now, single); lane !== undefined; lane = this.#next(now, single)) {
      const alone = single || lane.layout === undefined
      const taken = alone ? lane.takeOne() : lane.takeMany(this.#settings)
      for (const request of taken.requests) this.#count(request, -1)
      const requests = taken.requests.filter((request) => !request.endIfUnwanted(now))
      if (requests.length === 0) continue
      const rows = requests.reduce((sum, request) => sum + request.rows, 0)
      const reason = alone ? 'alone' : this.#reason(taken)
      return { requests, layout: lane.layout, rows, reason, isRetry: lane === this.#again }
    }
    return undefined
  }

  /** Monotonic time at which a batch may close; Infinity where nothing waits. */
  ripeAt(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes) oldest = Math.min(oldest, lane.oldestAt)
    return oldest + this.#settings.maxDelayMs
  }

  /** Removes the waiting requests that `ends` says yes to, which has answered them. Returns how many. */
  remove(ends: (request: PendingRequest) => boolean): number {
    let count = 0
    for (const lane of [this.#again, this.#alone, ...this.#lanes]) {
      for (const request of lane.remove(ends)) {
        this.#count(request, -1)
        count += 1
      }
    }
    return count
  }

  #add(lane: BatchLane, request: PendingRequest): void {
    lane.push(request)
    this.#count(request, 1)
  }

  #count(request: PendingRequest, sign: 1 | -1): void {
    this.#requests += sign
    this.#rows += sign * request.rows
    this.#bytes += sign * request.bytes
  }

  #laneFor(feeds: NamedTensors): BatchLane {
    for (const lane of this.#lanes) {
      if (lane.layout !== undefined && hasLayout(feeds, lane.layout)) return lane
    }
    if (this.#lanes.length >= KEPT_LANES) this.#lanes = this.#lanes.filter((lane) => !lane.isEmpty)
    const lane = new BatchLane(layoutOf(feeds))
    this.#lanes.push(lane)
    return lane
  }

  /** The lane whose turn it is, of those of which a batch may close. */
  #next(now: number, single: boolean): BatchLane | undefined {
    if (!this.#again.isEmpty) return this.#again
    let next = this.#alone.isEmpty ? undefined : this.#alone
    let oldestAt = this.#alone.oldestAt
    for (const lane of this.#lanes) {
      if (lane.oldestAt >= oldestAt) continue
      const ripe = single || lane.oldestAt + this.#settings.maxDelayMs <= now
      if (!ripe && !lane.isFull(this.#settings)) continue
      next = lane
      oldestAt = lane.oldestAt
    }
    return next
  }

  #reason(taken: Taken): BatchCloseReason {
    return taken.limit ?? (this.#settings.maxDelayMs > 0 ? 'age' : 'idle-worker')
  }
}
