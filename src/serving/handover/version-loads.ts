import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'
import type { ModelEntry } from '../model-entry.ts'
import { ServedModel, versionId } from '../served-model.ts'
import { type BringUpParts, bringUp } from './bring-up.ts'
import { LoadSlots } from './load-slots.ts'

/** How loads end. */
export interface LoadEvents<Contract> {
  /** It could not be brought into service; `cancelled`: because it is not wanted any more. */
  failed(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError | 'cancelled',
  ): void
  /** Whichever way it ended. */
  ended(model: ModelEntry<Contract>): void
}

interface Load {
  readonly abort: AbortController
  readonly done: Promise<void>
}

/** Versions on their way into service, so many at once. */
export class VersionLoads<Contract> {
  readonly #parts: BringUpParts<Contract>
  readonly #events: LoadEvents<Contract>
  readonly #slots: LoadSlots
  readonly #loads = new Map<ServedModel<Contract>, Load>()

  constructor(
    parts: BringUpParts<Contract>,
    maxConcurrentLoads: number,
    events: LoadEvents<Contract>,
  ) {
    this.#parts = parts
    this.#events = events
    this.#slots = new LoadSlots(maxConcurrentLoads)
  }

  get size(): number {
    return this.#loads.size
  }

  /** Resolves when those under way have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#loads.values()].map(({ done }) => done))
  }

  /** Whether a load of this version is under way and still wanted. */
  has(id: string): boolean {
    for (const version of this.#loads.keys())
      if (version.id === id && !version.cancelled) return true
    return false
  }

  /** Starts a new life of a version that a reference wants. */
  begin(model: ModelEntry<Contract>, id: string): void {
    const wants = (wanted: ModelVersion | undefined) =>
      wanted !== undefined && versionId(wanted) === id
    const refs = [...model.refs.values()]
    const wanting = refs.find(({ desired }) => wants(desired))
    const registered = wanting?.desired ?? refs.find((ref) => wants(ref.released))?.released
    if (registered === undefined)
      throw new ServingError('INTERNAL', 'No reference wants the version to load')
    const version = new ServedModel<Contract>(
      registered,
      wanting === undefined ? 'nothing else can serve' : `wanted by "${wanting.label}"`,
      this.#parts.clock,
      (event) => {
        model.history.moved(this.#parts.clock.now(), event)
        this.#parts.events.emit('version', event)
      },
    )
    model.versions.add(version)
    const abort = new AbortController()
    const done = this.#bringUp(model, version, wanting?.serving, abort.signal)
    this.#loads.set(version, { abort, done })
  }

  cancel(version: ServedModel<Contract>, reason: string): void {
    version.cancelled = true
    this.#loads
      .get(version)
      ?.abort.abort(new ServingError('LOAD_FAILED', `Loading was cancelled: ${reason}`))
  }

  cancelAll(reason: string): void {
    for (const version of this.#loads.keys()) this.cancel(version, reason)
  }

  async #bringUp(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    serving: ServedModel<Contract> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#slots.run(() => bringUp(version, serving, this.#parts, signal), signal)
      signal.throwIfAborted()
      this.#loads.delete(version)
      model.failures.clear(version.id)
      version.move('ready', 'loaded and checked')
    } catch (error) {
      this.#loads.delete(version)
      const why = signal.aborted ? 'cancelled' : ServingError.from(error, 'LOAD_FAILED')
      this.#events.failed(model, version, why)
    }
    this.#events.ended(model)
  }
}
