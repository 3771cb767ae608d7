import type { ErrorCode } from '../errors.ts'
import type { DownloadProgress, ModelVersion } from '../interfaces.ts'
import type { BatchReport } from './batching/batch-run.ts'
import type { Comparison } from './probation/probation.ts'
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
  /** With `swapped`: the version that serves now, as the registry described it. */
  readonly served?: ModelVersion
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
export interface BatchEvent extends BatchReport {
  readonly model: string
  readonly version: string
}

/** Some more of a version's files have arrived. */
export interface DownloadEvent {
  readonly model: string
  readonly version: string
  readonly progress: DownloadProgress
}

/** A reference's version is being judged by live requests, or has been. */
export interface ProbationEvent {
  readonly model: string
  readonly ref: string
  /** The version on probation. */
  readonly version: string
  /** The version before, which can take over again. */
  readonly previous: string
  /**
   * `ended`: without a verdict, since the reference has moved on or went away; `skipped`: there is no memory for the
   * version before to stand by.
   */
  readonly state: 'started' | 'passed' | 'taken_back' | 'ended' | 'skipped'
  /** Milliseconds since it started. */
  readonly durationMs: number
  readonly reason: string
  readonly figures: Comparison
}

/** A person has fixed what a reference serves, or lets it follow the registry again. */
export interface PinEvent {
  readonly model: string
  readonly ref: string
  /** The version that is pinned, or was. */
  readonly version: string
  readonly action: 'pinned' | 'unpinned'
  readonly by: string | undefined
  readonly reason: string
}

/** A version has been tried out in a process of its own, which has ended. */
export interface TrialEvent {
  readonly model: string
  readonly version: string
  /** Milliseconds from its start to its end. */
  readonly durationMs: number
  /** Why it failed; undefined when it passed. */
  readonly code: ErrorCode | undefined
}

/** What `serving/` tells the rest of the process. */
export interface ServingEventMap {
  readonly version: VersionEvent
  readonly swap: SwapEvent
  readonly drain: DrainEvent
  readonly trial: TrialEvent
  readonly probation: ProbationEvent
  readonly pin: PinEvent
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
  readonly #listeners: Listeners = {
    version: [],
    swap: [],
    drain: [],
    trial: [],
    probation: [],
    pin: [],
    batch: [],
    download: [],
  }
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
