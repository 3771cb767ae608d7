import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { ModelVersion } from '../../interfaces.ts'
import { cacheFailure } from './cache-failure.ts'
import { readable } from './cache-index.ts'

/** A reference as a registry knows it. */
export interface RegistryRef {
  /** The registry's location, without credentials. */
  readonly registry: string
  readonly model: string
  /** Alias, stage, `latest` or version number. */
  readonly ref: string
}

/** The version that served a reference last. */
export interface LastServed {
  readonly version: ModelVersion
  /** ISO 8601. */
  readonly since: string
}

/** Folder of the records, beside the cache's entries. */
const RECORDS = '.last-served'

/**
 * Which version served each reference last, kept on disk for a start without a registry. One small file a reference,
 * replaced by a rename: processes that share the cache neither wait for each other nor see half a record.
 */
export class LastServedRecords {
  readonly #folder: string
  readonly #clock: Clock

  /** @param cacheFolder the cache's folder; nothing is written before the first record. */
  constructor(cacheFolder: string, clock: Clock) {
    this.#folder = join(cacheFolder, RECORDS)
    this.#clock = clock
  }

  /** @throws ServingError CACHE_FAILED. */
  async write(ref: RegistryRef, version: ModelVersion): Promise<void> {
    const record = { format: 1, ...ref, version, since: new Date(this.#clock.now()).toISOString() }
    const path = this.#path(ref)
    const beside = `${path}.${randomBytes(6).toString('hex')}`
    try {
      await mkdir(this.#folder, { recursive: true })
      const file = await open(beside, 'wx')
      try {
        await file.writeFile(`${JSON.stringify(record, undefined, 2)}\n`)
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(beside, path)
    } catch (error) {
      await rm(beside, { force: true }).catch(() => undefined)
      throw cacheFailure(error)
    }
  }

  /** Undefined where there is no record that can be read. */
  async read(ref: RegistryRef): Promise<LastServed | undefined> {
    const { LAST_SERVED_SCHEMA } = await import('./last-served-schema.ts')
    try {
      const record = LAST_SERVED_SCHEMA.parse(JSON.parse(await readFile(this.#path(ref), 'utf8')))
      const isSame =
        record.registry === ref.registry && record.model === ref.model && record.ref === ref.ref
      return isSame ? { version: record.version, since: record.since } : undefined
    } catch {
      return undefined
    }
  }

  #path({ registry, model, ref }: RegistryRef): string {
    const hash = createHash('sha256').update(JSON.stringify([registry, model, ref]))
    const name = `${readable(model, 80)}-${readable(ref, 40)}-${hash.digest('hex').slice(0, 16)}`
    return join(this.#folder, `${name}.json`)
  }
}
