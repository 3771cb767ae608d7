import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { ArtifactFile } from '../../interfaces.ts'
import { FileSink } from '../file-sink.ts'
import { cacheFailure, errorCode } from './cache-failure.ts'
import { FILES, INDEX } from './cache-index.ts'
import type { CacheIndex } from './cache-index-schema.ts'
import { LEASES } from './entry-leases.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { ProcessOwner } from './process-owner.ts'

/**
 * A folder of this process alone in which an entry is made. It becomes the entry by one rename, so that an
 * entry is whole or not there; what a killed process leaves is cleared by the next.
 */
export class Staging {
  readonly #folder: string
  readonly #heartbeat: Heartbeat
  readonly #folders = new Set<string>()

  private constructor(folder: string, heartbeat: Heartbeat) {
    this.#folder = folder
    this.#heartbeat = heartbeat
  }

  /** @param parent folder of all stagings, on the file system of the entries. */
  static async create(parent: string, owner: ProcessOwner, heartbeat: Heartbeat): Promise<Staging> {
    const folder = join(parent, signedName(owner))
    try {
      await mkdir(join(folder, LEASES), { recursive: true })
      await mkdir(join(folder, FILES))
    } catch (error) {
      throw cacheFailure(error)
    }
    heartbeat.add(folder)
    return new Staging(folder, heartbeat)
  }

  /** Opens a file to write; its path has been checked. */
  async file(file: ArtifactFile, onBytes: (bytes: number) => void): Promise<FileSink> {
    const target = join(this.#folder, FILES, file.path)
    const folder = dirname(target)
    if (!this.#folders.has(folder)) {
      await mkdir(folder, { recursive: true }).catch(rethrow)
      this.#folders.add(folder)
    }
    return await FileSink.create(file, target, onBytes)
  }

  /**
   * Writes the index, puts everything safely on disk and renames it all to `entry`.
   * @returns false when another process has put an entry there; the staging is then still to be discarded.
   */
  async publish(index: CacheIndex, entry: string): Promise<boolean> {
    try {
      const path = join(this.#folder, INDEX)
      await writeFile(path, `${JSON.stringify(index, undefined, 2)}\n`, { flush: true })
      for (const folder of this.#folders) await syncFolder(folder)
      await syncFolder(join(this.#folder, FILES))
      await syncFolder(this.#folder)
      await rename(this.#folder, entry)
      await syncFolder(dirname(entry))
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) return false
      throw cacheFailure(error)
    }
    this.#heartbeat.delete(this.#folder)
    return true
  }

  /** Takes everything away that was written. */
  async discard(): Promise<void> {
    this.#heartbeat.delete(this.#folder)
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** A name in a shared folder that tells which process it belongs to. */
export function signedName(owner: ProcessOwner): string {
  return `${owner.id}~${randomBytes(6).toString('hex')}`
}

/** Clears what dead processes have left in a folder of signed names. */
export async function clearLeftovers(
  parent: string,
  owner: ProcessOwner,
  clock: Clock,
): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name)
    const facts = await stat(path).catch(() => undefined)
    const [id = ''] = name.split('~')
    if (facts === undefined) continue
    if (await owner.isAlive(id, clock.now() - facts.mtimeMs)) continue
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Names in a folder are on disk only when the folder itself is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems and Windows cannot; there the rename alone must do.
    if (!['EINVAL', 'EPERM', 'EBADF', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

function rethrow(error: unknown): never {
  throw cacheFailure(error)
}
