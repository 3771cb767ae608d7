import { randomBytes } from 'node:crypto'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { cacheFailure, errorCode, isMissing } from './cache-failure.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { ProcessOwner } from './process-owner.ts'

/** Folder in an entry with a file for each use of it, signed by the process that uses it. */
export const LEASES = 'leases'

/** Says to other processes which entries of a shared cache this one uses, and asks the same of them. */
export class EntryLeases {
  readonly #owner: ProcessOwner
  readonly #heartbeat: Heartbeat
  readonly #clock: Clock

  constructor(owner: ProcessOwner, heartbeat: Heartbeat, clock: Clock) {
    this.#owner = owner
    this.#heartbeat = heartbeat
    this.#clock = clock
  }

  /** Marks the entry as used; gives the way to end that. Undefined when the entry is not there. */
  async take(entry: string): Promise<(() => Promise<void>) | undefined> {
    const lease = join(entry, LEASES, `${this.#owner.id}~${randomBytes(6).toString('hex')}`)
    try {
      await writeFile(lease, '', { flag: 'wx' })
    } catch (error) {
      if (isMissing(error)) return undefined
      // A cache on a read-only disk serves what it has; nothing is evicted there.
      if (['EROFS', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return async () => {}
      throw cacheFailure(error)
    }
    this.#heartbeat.add(lease)
    return async () => {
      this.#heartbeat.delete(lease)
      await rm(lease, { force: true })
    }
  }

  /** Whether another living process uses the entry; leases of dead ones are cleared. */
  async heldElsewhere(entry: string): Promise<boolean> {
    const names = await readdir(join(entry, LEASES)).catch(() => [])
    for (const name of names) {
      const [owner = ''] = name.split('~')
      if (this.#owner.isSelf(owner)) continue
      const path = join(entry, LEASES, name)
      const facts = await stat(path).catch(() => undefined)
      if (facts === undefined) continue
      if (await this.#owner.isAlive(owner, this.#clock.now() - facts.mtimeMs)) return true
      await rm(path, { force: true }).catch(() => undefined)
    }
    return false
  }
}
