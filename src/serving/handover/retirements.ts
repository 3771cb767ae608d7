import { ServingError } from '../../errors.ts'
import type { ModelEntry } from '../model-entry.ts'
import type { ServedModel } from '../served-model.ts'
import type { BringUpParts } from './bring-up.ts'

/** Versions on their way out: each waits for the requests inside it, then gives back all that it holds. */
export class Retirements<Contract> {
  readonly #parts: Pick<BringUpParts<Contract>, 'clock' | 'events'>
  readonly #underWay = new Set<Promise<void>>()
  readonly #gone: () => void

  /** @param gone called when a version has given everything back. */
  constructor(parts: Pick<BringUpParts<Contract>, 'clock' | 'events'>, gone: () => void) {
    this.#parts = parts
    this.#gone = gone
  }

  get size(): number {
    return this.#underWay.size
  }

  /** Resolves when those under way have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** @param timeoutMs after which the requests that are still inside are cut. */
  begin(model: ModelEntry<Contract>, version: ServedModel<Contract>, timeoutMs: number): void {
    const retirement = this.#giveBack(model, version, timeoutMs).then(() => {
      this.#underWay.delete(retirement)
      this.#gone()
    })
    this.#underWay.add(retirement)
  }

  async #giveBack(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    timeoutMs: number,
  ): Promise<void> {
    const { clock, events } = this.#parts
    const startedAt = clock.monotonic()
    let failure: ServingError | undefined
    try {
      await version.retire(timeoutMs)
    } catch (error) {
      failure = ServingError.from(error)
    }
    model.versions.delete(version)
    if (version.state === 'draining' || version.cutRequests > 0) {
      const durationMs = clock.monotonic() - startedAt
      const { version: number, cutRequests } = version
      const event = { model: model.name, version: number, durationMs, cutRequests }
      model.history.drained(clock.now(), event)
      events.emit('drain', event)
    }
    if (version.state === 'failed') return
    if (failure === undefined) version.move('closed', version.cancelled ? 'cancelled' : 'unloaded')
    else version.move('failed', `unloading failed: ${failure.message}`, failure)
  }
}
