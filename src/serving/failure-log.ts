import type { Clock } from '../clock.ts'
import type { ErrorCode, ServingError } from '../errors.ts'
import type { ModelVersion } from '../interfaces.ts'
import type { FailureView } from './handover.ts'
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
    return Array.from(this.#failures, ([id, { retryAt }]) => ({ id, retryAt }))
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
    const failure = { version, stage, error, at, attempts, retryAt }
    this.#failures.delete(id)
    this.#failures.set(id, failure)
    return failure
  }

  /** Ids of the failures with this code, of one version or of all. */
  withCode(code: ErrorCode, version: string | undefined): string[] {
    const isMeant = ({ error, version: failed }: VersionFailure) =>
      error.code === code && (version === undefined || failed.version === version)
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
