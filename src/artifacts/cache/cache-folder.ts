import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { cacheFailure, isMissing } from './cache-failure.ts'
import { INDEX, readIndex } from './cache-index.ts'
import type { CacheIndex } from './cache-index-schema.ts'
import type { ProcessOwner } from './process-owner.ts'
import { clearLeftovers, signedName } from './staging.ts'

/** One version in the cache. */
export interface CacheEntry {
  readonly name: string
  readonly folder: string
  readonly index: CacheIndex
  /** Milliseconds since the epoch. */
  readonly lastUsed: number
}

/**
 * The cache on disk. Several processes may share it.
 *
 * ```
 * iris-classifier-3-5d41402abc4b2a76/    one version
 *   index.json                           what it is; changed when it was last used
 *   files/                               the model's folder
 *   leases/                              who uses it
 * .staging/                              versions that are being downloaded
 * .trash/                                entries that are being deleted
 * ```
 */
export class CacheFolder {
  readonly root: string
  readonly staging: string
  readonly #trash: string
  readonly #owner: ProcessOwner
  readonly #clock: Clock

  private constructor(root: string, owner: ProcessOwner, clock: Clock) {
    this.root = root
    this.staging = join(root, '.staging')
    this.#trash = join(root, '.trash')
    this.#owner = owner
    this.#clock = clock
  }

  /** Makes the folder where it is missing, and clears what dead processes left in it. */
  static async open(root: string, owner: ProcessOwner, clock: Clock): Promise<CacheFolder> {
    const folder = new CacheFolder(root, owner, clock)
    try {
      await mkdir(folder.staging, { recursive: true })
      await mkdir(folder.#trash, { recursive: true })
    } catch (error) {
      throw cacheFailure(error)
    }
    await clearLeftovers(folder.staging, owner, clock)
    await clearLeftovers(folder.#trash, owner, clock)
    return folder
  }

  entry(name: string): string {
    return join(this.root, name)
  }

  /** Every entry whose index can be read. */
  async entries(): Promise<CacheEntry[]> {
    const entries: CacheEntry[] = []
    for (const name of await readdir(this.root).catch(() => [])) {
      if (name.startsWith('.')) continue
      const folder = this.entry(name)
      const index = await readIndex(folder)
      const facts = await stat(join(folder, INDEX)).catch(() => undefined)
      if (index === undefined || facts === undefined) continue
      entries.push({ name, folder, index, lastUsed: facts.mtimeMs })
    }
    return entries
  }

  /** Notes that the entry is used now. A read-only cache keeps no such note. */
  async touch(name: string): Promise<void> {
    const now = new Date(this.#clock.now())
    await utimes(join(this.entry(name), INDEX), now, now).catch(() => undefined)
  }

  /**
   * Takes an entry out of the way by one rename, so that nobody finds half of it, then deletes it, unless
   * `keep` wants it back. Nobody can begin to use it in between; who began a moment before is seen by `keep`.
   * @returns whether it is gone.
   */
  async remove(name: string, keep: (folder: string) => Promise<boolean>): Promise<boolean> {
    const trash = join(this.#trash, signedName(this.#owner))
    try {
      await rename(this.entry(name), trash)
    } catch (error) {
      if (isMissing(error)) return true
      throw cacheFailure(error)
    }
    if (await keep(trash)) {
      const isBack = await rename(trash, this.entry(name)).then(
        () => true,
        () => false,
      )
      if (isBack) return false
    }
    await rm(trash, { recursive: true, force: true }).catch(() => undefined)
    return true
  }
}
