import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { Registry } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import type { ServingEvents } from '../serving/events.ts'
import { isStarting } from '../serving/version-state.ts'

/** What became of a version here, as the tag `baton.outcome` has it. */
export type Outcome = 'serving' | 'passed' | 'failed' | 'taken_back'

export interface OutcomeTagParts {
  readonly write: NonNullable<Registry['tagVersion']>
  readonly clock: Clock
  readonly log: Logger
}

/** Versions whose outcome waits to be written, at most. */
const MAX_WAITING = 256
/** Versions of which the last outcome is known, so that the same failure is not written again at every try. */
const MAX_KNOWN = 1_024
const ATTEMPTS = 5
const FIRST_PAUSE_MS = 1_000
const ATTEMPT_TIMEOUT_MS = 10_000
/** Releases of MLflow before 2.11 refuse values of more than 5,000 characters (mlflow/utils/validation.py). */
const MAX_REASON = 1_000

interface Entry {
  readonly model: string
  readonly version: string
  readonly outcome: Outcome
  readonly reason: string
  readonly at: string
}

/**
 * Writes to the registry what became of each version: one at a time, the latest of a version alone, with a few tries.
 * Whatever comes of it, serving does not wait.
 */
export class OutcomeTags {
  readonly #parts: OutcomeTagParts
  /** By model and version, oldest first. */
  readonly #waiting = new Map<string, Entry>()
  readonly #known = new Map<string, string>()
  readonly #closing = new AbortController()
  #writing: Promise<void> | undefined
  #endPause: () => void = () => {}
  #closed = false

  constructor(parts: OutcomeTagParts) {
    this.#parts = parts
  }

  /** Takes an outcome; never waits and never fails. */
  push(model: string, version: string, outcome: Outcome, reason: string): void {
    const key = `${version} ${model}`
    const news = `${outcome} ${reason}`
    if (this.#closed || this.#known.get(key) === news) return
    this.#known.delete(key)
    this.#known.set(key, news)
    dropOldest(this.#known, MAX_KNOWN)
    const at = new Date(this.#parts.clock.now()).toISOString()
    this.#waiting.delete(key)
    this.#waiting.set(key, { model, version, outcome, reason, at })
    for (const entry of dropOldest(this.#waiting, MAX_WAITING)) {
      this.#giveUp(entry, 'too many wait')
    }
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#writing
  }

  /** Tries once more what waits, in at most `timeoutMs`. Takes no more outcomes. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    this.#endPause()
    const cancel = this.#parts.clock.after(timeoutMs, () => this.#closing.abort())
    await this.#writing
    cancel()
  }

  async #writeAll(): Promise<void> {
    for (const [key, entry] of this.#waiting) {
      this.#waiting.delete(key)
      await this.#write(key, entry)
    }
    this.#writing = undefined
  }

  async #write(key: string, entry: Entry): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const error = await this.#attempt(entry)
      if (error === undefined) return
      // What came later says more.
      if (this.#waiting.has(key)) return
      if (error.code !== 'REGISTRY_UNAVAILABLE' || attempt === ATTEMPTS || this.#closed) {
        this.#giveUp(entry, error.message)
        return
      }
      await this.#pause(FIRST_PAUSE_MS * 2 ** (attempt - 1))
    }
  }

  async #attempt({
    model,
    version,
    outcome,
    reason,
    at,
  }: Entry): Promise<ServingError | undefined> {
    const abort = new AbortController()
    const cancel = this.#parts.clock.after(ATTEMPT_TIMEOUT_MS, () => abort.abort())
    try {
      // The outcome last: whoever sees it finds the reason beside it.
      const tags = {
        'baton.outcome_reason': reason.slice(0, MAX_REASON),
        'baton.outcome_at': at,
        'baton.outcome': outcome,
      }
      const signal = AbortSignal.any([abort.signal, this.#closing.signal])
      await this.#parts.write(model, version, tags, signal)
      return undefined
    } catch (error) {
      return ServingError.from(error, 'REGISTRY_UNAVAILABLE')
    } finally {
      cancel()
    }
  }

  #giveUp({ model, version, outcome }: Entry, why: string): void {
    this.#parts.log.warn({ model, version, outcome }, `an outcome tag was not written: ${why}`)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
      if (this.#closed) this.#endPause()
    })
  }
}

/** Tells of every version that serves, passes its probation, is taken back or cannot be brought into service. */
export function tagOutcomes(events: ServingEvents, tags: OutcomeTags): void {
  events.on('swap', ({ model, to, result, reason }) => {
    if (result === 'swapped' && to !== undefined) tags.push(model, to, 'serving', reason)
  })
  events.on('probation', ({ model, version, state, reason }) => {
    if (state === 'passed' || state === 'taken_back') tags.push(model, version, state, reason)
  })
  events.on('version', ({ model, version, state, from, reason }) => {
    // One that fails while it serves was taken back, which is told above.
    if (state !== 'failed' || from === undefined || !isStarting(from)) return
    tags.push(model, version, 'failed', `${from}: ${reason}`)
  })
}

/** Drops what is oldest beyond a number. */
function dropOldest<T>(map: Map<string, T>, most: number): T[] {
  const dropped: T[] = []
  for (const [key, value] of map) {
    if (map.size <= most) break
    map.delete(key)
    dropped.push(value)
  }
  return dropped
}
