import type { ArtifactCache } from '../artifacts/cache/artifact-cache.ts'
import type { LastServed, LastServedRecords } from '../artifacts/cache/last-served.ts'
import type { ModelVersion } from '../interfaces.ts'
import type { Logger } from '../log.ts'

export interface ColdStartParts {
  /** The registry's location, without credentials. */
  readonly registry: string
  readonly cache: ArtifactCache
  readonly records: LastServedRecords
  readonly log: Logger
}

/**
 * What a start without a registry serves: the version that served each reference last, where the cache holds it whole.
 * Models that are read in place are not in the cache, and are not remembered.
 */
export class ColdStart {
  readonly #parts: ColdStartParts
  /** One write after the other, so that the last one is the one that stays. */
  #writing: Promise<void> = Promise.resolve()
  #failure: string | undefined

  constructor(parts: ColdStartParts) {
    this.#parts = parts
  }

  /** Remembers what a reference serves now. What cannot be written costs the next start, not this one. */
  remember(model: string, ref: string, version: ModelVersion): void {
    const { registry, cache, records, log } = this.#parts
    if (!cache.keeps(version)) return
    this.#writing = this.#writing.then(async () => {
      try {
        await records.write({ registry, model, ref }, version)
        this.#failure = undefined
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        if (message === this.#failure) return
        this.#failure = message
        log.warn({ model, ref }, `a start without the registry would not serve this: ${message}`)
      }
    })
  }

  /** By reference. Reads every byte of the versions it finds, so that what was damaged on disk is not served. */
  async recall(model: string, refs: readonly string[]): Promise<ReadonlyMap<string, LastServed>> {
    const { registry, cache, records, log } = this.#parts
    const found = new Map<string, LastServed>()
    for (const ref of refs) {
      const last = await records.read({ registry, model, ref })
      if (last === undefined) continue
      if (await cache.holds(last.version)) found.set(ref, last)
      else {
        const fields = { model, ref, version: last.version.version }
        log.warn(fields, 'the version that served last is not in the cache, or is damaged there')
      }
    }
    return found
  }

  /** Resolves when everything is on disk. */
  settled(): Promise<void> {
    return this.#writing
  }
}
