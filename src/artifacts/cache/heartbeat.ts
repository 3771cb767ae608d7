import { utimes } from 'node:fs/promises'
import type { Clock } from '../../clock.ts'
import { BEAT_MS } from './process-owner.ts'

/** Renews the times of files and folders that say "this process is still there", while there are any. */
export class Heartbeat {
  readonly #clock: Clock
  readonly #paths = new Set<string>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(path: string): void {
    this.#paths.add(path)
    this.#cancel ??= this.#clock.after(BEAT_MS, () => this.#beat())
  }

  delete(path: string): void {
    this.#paths.delete(path)
    if (this.#paths.size > 0) return
    this.#cancel?.()
    this.#cancel = undefined
  }

  #beat(): void {
    const now = new Date(this.#clock.now())
    // One that cannot be renewed was taken away, or its disk is read-only: nobody else evicts there either.
    for (const path of this.#paths) utimes(path, now, now).catch(() => undefined)
    this.#cancel = this.#clock.after(BEAT_MS, () => this.#beat())
  }
}
