import type { Clock } from '../clock.ts'
import type { ErrorCode, ServingError } from '../errors.ts'
import type { ModelVersion } from '../interfaces.ts'
import type { FailureView } from './handover/handover.ts'
import type { BackoffSettings } from './settings.ts'
import type { VersionState } from './version-state.ts'

/** Why a version does not serve. Kept while the version is not in service, so that people can see it. */
export interface VersionFailure {
  readonly version: ModelVersion
  /** State it was in when it failed. */
  readonly stage: VersionState
  readonly error: ServingError
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Failures in a row. */
  readonly attempts: number
  /** Monotonic milliseconds; Infinity for a version that was taken back. */
  readonly retryAt: number
  /** See `FailureView.room`. */
  readonly room: FailureView['room']
}

/** Failures of versions that nobody wants any more are forgotten beyond this number. */
const KEPT_FAILURES = 16

/** What failed lately in one model, and when it may be tried again. */
export class FailureLog {
  readonly #clock: Clock
  readonly #backoff: BackoffSettings
  readonly #failures = new Map<string, VersionFailure>()

  constructor(clock: Clock, backoff: BackoffSettings) {
    this.#clock = clock
    this.#backoff = backoff
  }

  get(id: string): VersionFailure | undefined {
    return this.#failures.get(id)
  }

  entries(): IterableIterator<[string, VersionFailure]> {
    return this.#failures.entries()
  }

  views(): FailureView[] {
    return Array.from(this.#failures, ([id, { retryAt, room }]) => ({ id, retryAt, room }))
  }

  /** Notes a failure and returns it. `held`: never tried again by itself. */
  add(
    id: string,
    version: ModelVersion,
    stage: VersionState,
    error: ServingError,
    held: boolean,
  ): VersionFailure {
    const attempts = (this.#failures.get(id)?.attempts ?? 0) + 1
    const delay = held ? Number.POSITIVE_INFINITY : backoffMs(this.#backoff, attempts)
    const at = this.#clock.now()
    const retryAt = this.#clock.monotonic() + delay
    const room = error.code === 'INSUFFICIENT_MEMORY' ? 'needed' : undefined
    const failure: VersionFailure = { version, stage, error, at, attempts, retryAt, room }
    this.#failures.delete(id)
    this.#failures.set(id, failure)
    return failure
  }

  /** What could be spared is being unloaded for this version. */
  roomMade(id: string): void {
    const failure = this.#failures.get(id)
    if (failure !== undefined) this.#failures.set(id, { ...failure, room: 'made' })
  }

  /** Ids of the failures with one of these codes, of one version or of all. */
  withCode(codes: readonly ErrorCode[], version: string | undefined): string[] {
    const isMeant = ({ error, version: failed }: VersionFailure) =>
      codes.includes(error.code) && (version === undefined || failed.version === version)
    return [...this.#failures].filter(([, failure]) => isMeant(failure)).map(([id]) => id)
  }

  /** The version serves, or a person wants it tried again. Returns whether there was a failure. */
  clear(id: string): boolean {
    return this.#failures.delete(id)
  }

  /** A reference has moved from or to this version: one that was taken back may be tried when it is wanted. */
  unhold(id: string): void {
    if (this.#failures.get(id)?.retryAt === Number.POSITIVE_INFINITY) this.#failures.delete(id)
  }

  /** Forgets the oldest failures of versions that are not wanted, beyond a fixed number. */
  prune(isWanted: (id: string) => boolean): void {
    for (const id of this.#failures.keys()) {
      if (this.#failures.size <= KEPT_FAILURES) return
      if (!isWanted(id)) this.#failures.delete(id)
    }
  }
}

/** Milliseconds to wait after this many failures in a row. */
function backoffMs(settings: BackoffSettings, attempts: number): number {
  return Math.min(settings.maxMs, settings.firstMs * 2 ** (attempts - 1))
}
