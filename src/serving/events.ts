import type { ErrorCode } from '../errors.ts'
import type { DownloadProgress } from '../interfaces.ts'
import type { BatchCloseReason } from './batch-queue.ts'
import type { VersionState } from './version-state.ts'

/** A version has entered a state. */
export interface VersionEvent {
  readonly model: string
  readonly version: string
  readonly state: VersionState
  /** Undefined at the start of its life. */
  readonly from: VersionState | undefined
  /** Milliseconds it was in `from`. */
  readonly durationMs: number
  /** Why, in words for people. */
  readonly reason: string
  /** With `failed`: the code of the error. The stage is `from`. */
  readonly code: ErrorCode | undefined
}

/**
 * A reference has left a version for another, or an attempt to do so has ended without it:
 * `failed` when the new version could not be brought into service, `superseded` when it was no longer wanted.
 */
export interface SwapEvent {
  readonly model: string
  readonly ref: string
  /** Version that served until now; undefined on first load. */
  readonly from: string | undefined
  /** Version that was wanted; undefined when the reference itself went away. */
  readonly to: string | undefined
  /** Milliseconds since `to` became wanted by this reference. */
  readonly durationMs: number
  readonly result: 'swapped' | 'failed' | 'superseded'
  readonly reason: string
}

/** A version has left service. */
export interface DrainEvent {
  readonly model: string
  readonly version: string
  readonly durationMs: number
  /** Requests that were still inside when the drain timeout ended. */
  readonly cutRequests: number
}

/** A batch has come back from its worker. */
export interface BatchEvent {
  readonly model: string
  readonly version: string
  readonly requests: number
  readonly rows: number
  readonly reason: BatchCloseReason
  /** Milliseconds the oldest request waited. */
  readonly queueMs: number
  readonly runMs: number
  readonly failed: boolean
}

/** Some more of a version's files have arrived. */
export interface DownloadEvent {
  readonly model: string
  readonly version: string
  readonly progress: DownloadProgress
}

/** What `serving/` tells the rest of the process. */
export interface ServingEventMap {
  readonly version: VersionEvent
  readonly swap: SwapEvent
  readonly drain: DrainEvent
  readonly batch: BatchEvent
  readonly download: DownloadEvent
}

type Listener<K extends keyof ServingEventMap> = (event: ServingEventMap[K]) => void
type Listeners = { [K in keyof ServingEventMap]: Listener<K>[] }

/**
 * Delivers events in the tick in which they happen. Unlike `node:events`, a listener that throws is reported
 * and disturbs neither the other listeners nor the hand-over that emitted.
 */
export class ServingEvents {
  readonly #listeners: Listeners = { version: [], swap: [], drain: [], batch: [], download: [] }
  readonly #onListenerError: (error: unknown) => void

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError
  }

  /** Calls `listener` for every event of this kind from now on; returns the way to stop. */
  on<K extends keyof ServingEventMap>(kind: K, listener: Listener<K>): () => void {
    const listeners: Listener<K>[] = this.#listeners[kind]
    listeners.push(listener)
    return () => {
      const index = listeners.indexOf(listener)
      if (index >= 0) listeners.splice(index, 1)
    }
  }

  emit<K extends keyof ServingEventMap>(kind: K, event: ServingEventMap[K]): void {
    for (const listener of this.#listeners[kind]) {
      try {
        listener(event)
      } catch (error) {
        this.#onListenerError(error)
      }
    }
  }
}
