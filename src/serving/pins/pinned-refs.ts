import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { ModelVersion, Resolution } from '../../interfaces.ts'
import { type DesiredRef, NO_ANSWER } from '../model-entry.ts'
import type { Pin, PinStore } from './pin-store.ts'

/** Who is told what the registry says. */
export interface DesiredSink {
  declare(name: string, labels: readonly string[]): void
  setDesired(name: string, entries: readonly DesiredRef[]): void
  reconcile(name?: string): Promise<void>
}

export interface PinnedRefsParts {
  readonly sink: DesiredSink
  readonly store: PinStore
  readonly clock: Clock
  /** The pins could not be written: they hold until the process ends. */
  readonly onNotKept: (why: string) => void
}

/** A version to pin a reference to. */
export interface PinRequest {
  readonly model: string
  readonly ref: string
  readonly version: ModelVersion
  readonly by: string | undefined
}

/** What the registry said of a reference last. */
interface Said {
  readonly resolution: Resolution
  /** The version it named last, while it does not answer. */
  readonly version: string | undefined
}

/**
 * Stands between what the registry says and the manager: a pinned reference is told to mean its pinned version,
 * whatever the registry says it means, and what that is stays known.
 */
export class PinnedRefs implements DesiredSink {
  readonly #parts: PinnedRefsParts
  readonly #pins = new Map<string, Pin>()
  readonly #said = new Map<string, Map<string, Said>>()
  #writing: Promise<boolean> = Promise.resolve(true)

  constructor(parts: PinnedRefsParts) {
    this.#parts = parts
  }

  /** Takes up the pins that were kept. Call once, before anything is declared. */
  async load(): Promise<void> {
    for (const pin of await this.#parts.store.read()) this.#pins.set(keyOf(pin.model, pin.ref), pin)
  }

  /** A reference that is pinned does not wait for the registry. */
  declare(name: string, labels: readonly string[]): void {
    const { sink } = this.#parts
    sink.declare(name, labels)
    this.#said.set(name, new Map(labels.map((label) => [label, NOT_ASKED])))
    if (!labels.some((label) => this.#pins.has(keyOf(name, label)))) return
    this.#tell(name)
    void sink.reconcile(name)
  }

  setDesired(name: string, entries: readonly DesiredRef[]): void {
    const before = this.#said.get(name)
    const said = entries.map(({ label, resolution }): [string, Said] => {
      if (!(resolution instanceof ServingError)) {
        return [label, { resolution, version: resolution.version }]
      }
      const known = NO_ANSWER.has(resolution.code) ? before?.get(label)?.version : undefined
      return [label, { resolution, version: known }]
    })
    this.#said.set(name, new Map(said))
    this.#tell(name)
  }

  reconcile(name?: string): Promise<void> {
    return this.#parts.sink.reconcile(name)
  }

  /** Fixes what a reference serves, from now on. Returns whether that survives a restart. */
  pin({ model, ref, version, by }: PinRequest): Promise<boolean> {
    const since = new Date(this.#parts.clock.now()).toISOString()
    this.#pins.set(keyOf(model, ref), { model, ref, version, since, by })
    return this.#changed(model)
  }

  /**
   * Lets references follow the registry again: one, or all of the model.
   * Returns those that were pinned, and whether that survives a restart.
   */
  async unpin(model: string, ref?: string): Promise<{ refs: readonly string[]; kept: boolean }> {
    const pinned = [...this.#pins.values()].filter(
      (pin) => pin.model === model && (ref === undefined || pin.ref === ref),
    )
    for (const pin of pinned) this.#pins.delete(keyOf(model, pin.ref))
    const kept = pinned.length === 0 || (await this.#changed(model))
    return { refs: pinned.map((pin) => pin.ref), kept }
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  #changed(model: string): Promise<boolean> {
    this.#tell(model)
    void this.#parts.sink.reconcile(model)
    // One write after the other, each of all that is pinned by then.
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<boolean> {
    try {
      await this.#parts.store.write([...this.#pins.values()])
      return true
    } catch (error) {
      this.#parts.onNotKept(ServingError.from(error).message)
      return false
    }
  }

  #tell(name: string): void {
    const entries = Array.from(this.#said.get(name) ?? [], ([label, said]): DesiredRef => {
      const pin = this.#pins.get(keyOf(name, label))
      if (pin === undefined) return { label, resolution: said.resolution }
      const { version, since, by } = pin
      const shown = { version: version.version, since, by, registryVersion: said.version }
      return { label, resolution: version, pin: shown }
    })
    this.#parts.sink.setDesired(name, entries)
  }
}

const NOT_ASKED: Said = {
  resolution: new ServingError('REGISTRY_UNAVAILABLE', 'The registry has not been asked yet'),
  version: undefined,
}

function keyOf(model: string, ref: string): string {
  return `${model}\n${ref}`
}
