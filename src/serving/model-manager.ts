import { type ErrorCode, ServingError } from '../errors.ts'
import type { ModelVersion } from '../interfaces.ts'
import type { ContractFinding } from './candidate.ts'
import { type HandoverParts, HandoverRunner } from './handover/handover-runner.ts'
import type { Lease } from './lease.ts'
import { type DesiredRef, ModelEntry } from './model-entry.ts'
import { describeModel, type ModelStatus } from './model-status.ts'
import { pinChanges, pinsOf } from './pins/pin-changes.ts'
import {
  modelNotFound,
  nothingToAllow,
  refNotFound,
  refNotReady,
  versionNotAvailable,
} from './refusal.ts'
import { versionId } from './served-model.ts'
import { isLoaded } from './version-state.ts'

/** Which version a request asks for. Without a name: the first model. Without a reference or version: its first reference. */
export interface Selector {
  readonly name?: string | undefined
  /** Label of a reference, such as an alias. */
  readonly ref?: string | undefined
  /** Version number; goes before `ref`. */
  readonly version?: string | undefined
}

/** What a person may accept all the same. */
const REFUSED_FOR_CLIENTS: readonly ErrorCode[] = ['CONTRACT_BREAKING', 'REHEARSAL_FAILED']

/** Milliseconds that unloading may take after the deadline of a shutdown. */
const UNLOAD_GRACE_MS = 1_000

/**
 * Owns the life of every version. A registry's answers come in by {@link setDesired}, {@link reconcile} acts on
 * them, requests borrow versions by {@link acquire}.
 *
 * WHAT IT PROMISES
 *
 * 1. The set given for a name replaces the previous set; a version left out is unloaded when the policy allows.
 * 2. A version that is wanted and ready is never unloaded on its own.
 * 3. While the new version is not ready the old one serves; a failed load changes nothing for clients.
 * 4. `acquire` never waits and never loads. Unknown name: MODEL_NOT_FOUND. Known, nothing ready: MODEL_NOT_READY.
 * 5. Nobody's request is cut by a swap, except after the drain timeout, and then it is counted.
 * 6. A version is not given back to the loop of failure: what failed is not tried again before its back-off, and
 *    what was taken back, or breaks the contract, is not tried again until the alias moves or a person clears it.
 * 7. First load and every later swap go through the same code.
 *
 * `Contract` is what the caller keeps with each version, made once when it is loaded.
 */
export class ModelManager<Contract> {
  readonly #parts: HandoverParts<Contract>
  readonly #runner: HandoverRunner<Contract>
  readonly #models = new Map<string, ModelEntry<Contract>>()
  #first: ModelEntry<Contract> | undefined
  #closing = false

  constructor(parts: HandoverParts<Contract>) {
    this.#parts = parts
    this.#runner = new HandoverRunner(parts, () => this.#advanceAll())
  }

  /**
   * Makes a model and its references known before the registry has answered, so that {@link ready} waits for them.
   * The first model, and the first reference of each, answer requests that name none.
   */
  declare(name: string, labels: readonly string[]): void {
    this.#entry(name).declare(labels)
  }

  /**
   * Replaces what is wanted of a model: the whole truth each time, and an empty list removes the model. An error
   * keeps what serves under its reference. Takes effect with the next {@link reconcile}.
   */
  setDesired(name: string, entries: readonly DesiredRef[]): void {
    const model = this.#entry(name)
    const pins = pinsOf(model.refs.values())
    const wantedSince = new Map([...model.refs].map(([label, ref]) => [label, ref.desiredSince]))
    const left = model.want(entries)
    for (const event of pinChanges(name, pins, pinsOf(model.refs.values()))) {
      model.history.pinned(this.#parts.clock.now(), event)
      this.#parts.events.emit('pin', event)
    }
    for (const { ref, before } of left) {
      if (!this.#runner.isLoading(versionId(before))) continue
      const now = this.#parts.clock.monotonic()
      this.#runner.reportSwap(model, ref, {
        from: ref.serving?.version,
        to: before.version,
        durationMs: now - (wantedSince.get(ref.label) ?? now),
        result: 'superseded',
        reason:
          ref.desired === undefined
            ? 'not wanted any more'
            : `version ${ref.desired.version} is wanted now`,
      })
    }
  }

  /**
   * Does all that can be done now, in this tick, and starts the loads that are due. Resolves when no load is under
   * way any more; calling it again meanwhile is harmless. Never rejects. What falls due later (back-off, stand-by)
   * is done by the clock.
   * @param name looks at this model alone.
   */
  async reconcile(name?: string): Promise<void> {
    const model = name === undefined ? undefined : this.#models.get(name)
    if (model === undefined) this.#advanceAll()
    else {
      this.#runner.advance(model)
      this.#forgetEmpty()
    }
    await this.#runner.loaded()
  }

  /** Resolves when nothing loads and nothing unloads. */
  settled(): Promise<void> {
    return this.#runner.settled()
  }

  /**
   * Borrows the version that answers now.
   * @throws ServingError MODEL_NOT_FOUND, MODEL_NOT_READY (details say how far it is), SHUTTING_DOWN.
   */
  acquire(selector: Selector): Lease<Contract> {
    if (this.#closing) throw new ServingError('SHUTTING_DOWN', 'The server is shutting down')
    const { name, version } = selector
    const model = name === undefined ? this.#first : this.#models.get(name)
    if (model === undefined) throw this.#notFound(name)
    if (version !== undefined) return this.#acquireVersion(model, version)
    const ref = selector.ref === undefined ? model.firstRef : model.refs.get(selector.ref)
    if (ref === undefined) throw refNotFound(model, selector.ref)
    if (ref.serving === undefined) throw refNotReady(model, ref, this.#parts.clock)
    return ref.serving.lease()
  }

  /** A client has gone: what waits for it gives up its place. */
  clientLeft(): void {
    for (const model of this.#models.values()) {
      for (const version of model.versions) version.batcher?.clientLeft()
    }
  }

  /** Models that are known. */
  get size(): number {
    return this.#models.size
  }

  /** Whether there is a model, and every reference of every model serves a version. */
  ready(): boolean {
    if (this.#closing || this.#models.size === 0) return false
    for (const model of this.#models.values()) {
      for (const ref of model.refs.values()) if (ref.serving === undefined) return false
    }
    return true
  }

  /** Every model as it is now, in the order in which they became known. */
  status(): ModelStatus[] {
    return Array.from(this.#models.values(), (model) => describeModel(model, this.#parts.clock))
  }

  /** One model as it is now. @throws ServingError MODEL_NOT_FOUND. */
  modelStatus(name: string): ModelStatus {
    return describeModel(this.#known(name), this.#parts.clock)
  }

  /**
   * Gives a reference whose version is on probation back to the version before, and holds the version it leaves: that
   * is not tried again until the reference moves or {@link clear} is called. Every reference that the bad version
   * serves leaves it. Returns whether it could be done.
   */
  takeBack(name: string, label: string, reason: string): boolean {
    const model = this.#known(name)
    const ref = model.refs.get(label)
    return ref !== undefined && this.#runner.takeBack(model, ref, reason)
  }

  /**
   * Forgets failures of a model, so that the next {@link reconcile} tries those versions again. Returns how many.
   * @param version all versions unless one is named.
   * @throws ServingError MODEL_NOT_FOUND.
   */
  clear(name: string, version?: string): number {
    const { failures, refs } = this.#known(name)
    let cleared = 0
    for (const ref of refs.values()) {
      if (ref.refused === undefined) continue
      if (version !== undefined && ref.desired?.version !== version) continue
      ref.refused = undefined
      cleared += 1
    }
    for (const [id, failure] of [...failures.entries()]) {
      if (version !== undefined && failure.version.version !== version) continue
      if (failures.clear(id)) cleared += 1
    }
    return cleared
  }

  /**
   * Accepts versions that were refused for what their clients would notice, this once: the next {@link reconcile} tries
   * them again. Returns their version numbers.
   * @param version all such versions unless one is named.
   * @throws ServingError MODEL_NOT_FOUND; VERSION_NOT_FOUND where none was refused for that.
   */
  allow(name: string, version?: string): readonly string[] {
    const model = this.#known(name)
    const numbers = new Set<string>()
    for (const id of model.failures.withCode(REFUSED_FOR_CLIENTS, version)) {
      numbers.add(model.failures.get(id)?.version.version ?? '')
      model.allowed.add(id)
      model.failures.clear(id)
    }
    for (const ref of model.refs.values()) {
      const wanted = ref.desired
      if (ref.refused === undefined || wanted === undefined) continue
      if (version !== undefined && wanted.version !== version) continue
      numbers.add(wanted.version)
      model.allowed.add(ref.refused.id)
      ref.refused = undefined
    }
    if (numbers.size === 0) throw nothingToAllow(name, version)
    return [...numbers]
  }

  /**
   * Why a version may serve whatever it breaks; undefined where it may not.
   * @param label the reference that is to serve it; every one that wants it where none is named.
   */
  excuse(version: ModelVersion, label?: string): ContractFinding['accepted'] {
    const model = this.#models.get(version.name)
    const id = versionId(version)
    if (model === undefined) return undefined
    if (model.allowed.has(id)) return 'allowed by a person'
    const refs = model.awaiting(id).filter((ref) => label === undefined || ref.label === label)
    const known = refs.length > 0 && refs.every(({ served }) => served.has(id))
    return known ? 'it has served before' : undefined
  }

  /** What a reference serves now, as the registry described it, and the references that there are. */
  servedBy(name: string): ReadonlyMap<string, ModelVersion | undefined> {
    const { refs } = this.#known(name)
    return new Map(Array.from(refs.values(), (ref) => [ref.label, ref.serving?.registered]))
  }

  /** A version that is loaded or on its way, as the registry described it. @throws ServingError MODEL_NOT_FOUND. */
  registered(name: string, version: string): ModelVersion | undefined {
    return this.#known(name).find((live) => live.version === version && live.isLive)?.registered
  }

  /**
   * Refuses new requests, cancels loads, waits for the requests inside, cuts those that are left after `timeoutMs`
   * and unloads everything. Returns whether all was given back in time: a run that hangs in native code is not.
   */
  async shutdown(timeoutMs: number): Promise<boolean> {
    this.#closing = true
    this.#runner.stop()
    for (const model of this.#models.values()) {
      for (const version of model.versions) {
        if (isLoaded(version.state)) this.#runner.unload(model, version, 'shutdown', timeoutMs)
        // One that drains already gets no more time than the others.
        else if (version.leases > 0) version.retire(timeoutMs).catch(() => {})
      }
    }
    return this.#settledWithin(timeoutMs + UNLOAD_GRACE_MS)
  }

  #settledWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, () => resolve(false))
      void this.#runner.settled().then(() => {
        cancel()
        resolve(true)
      })
    })
  }

  #advanceAll(): void {
    for (const model of this.#models.values()) this.#runner.advance(model)
    this.#forgetEmpty()
  }

  #forgetEmpty(): void {
    for (const model of this.#models.values()) {
      if (model.refs.size === 0 && model.versions.size === 0) this.#models.delete(model.name)
    }
    this.#first = this.#models.values().next().value
  }

  #acquireVersion(model: ModelEntry<Contract>, number: string): Lease<Contract> {
    const served = model.find(({ version, state }) => version === number && isLoaded(state))
    if (served === undefined) throw versionNotAvailable(model, number, this.#parts.clock)
    return served.lease()
  }

  #entry(name: string): ModelEntry<Contract> {
    const known = this.#models.get(name)
    if (known !== undefined) return known
    const { clock, settings } = this.#parts
    const model = new ModelEntry<Contract>(name, clock, settings.backoff)
    this.#models.set(name, model)
    this.#first ??= model
    return model
  }

  #known(name: string): ModelEntry<Contract> {
    const model = this.#models.get(name)
    if (model === undefined) throw this.#notFound(name)
    return model
  }

  #notFound(name: string | undefined): ServingError {
    return modelNotFound(name, [...this.#models.keys()])
  }
}
