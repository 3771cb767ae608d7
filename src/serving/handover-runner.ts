import { ServingError } from '../errors.ts'
import { type BringUpParts, bringUp } from './bring-up.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import type { SwapEvent } from './events.ts'
import { type Action, nextAction } from './handover.ts'
import { LoadSlots } from './load-slots.ts'
import type { ModelEntry, RefEntry } from './model-entry.ts'
import { ServedModel, versionId } from './served-model.ts'
import type { ManagerSettings } from './settings.ts'

export interface HandoverParts<Contract> extends BringUpParts<Contract> {
  readonly settings: ManagerSettings
  /**
   * Whether a version of this size may stay loaded beside the one that took over from it; `bytes` as in
   * `Findings.memory`, undefined where nothing is known. Left out: it may.
   */
  readonly standbyFits?: (bytes: number | undefined) => boolean
}

interface Load {
  readonly abort: AbortController
  readonly done: Promise<void>
}

/**
 * Carries out what `nextAction` decides. Decisions and swaps happen in the tick in which their cause happened; only
 * loading and unloading wait, and come back here when they have ended.
 */
export class HandoverRunner<Contract> {
  readonly #parts: HandoverParts<Contract>
  readonly #slots: LoadSlots
  readonly #timer: DeadlineTimer
  readonly #loads = new Map<ServedModel<Contract>, Load>()
  readonly #retirements = new Set<Promise<void>>()
  readonly #advancing = new Set<ModelEntry<Contract>>()
  readonly #advanceAll: () => void
  #stopped = false

  /** @param advanceAll advances every model: something has fallen due, or a version is gone. */
  constructor(parts: HandoverParts<Contract>, advanceAll: () => void) {
    this.#parts = parts
    this.#advanceAll = advanceAll
    this.#slots = new LoadSlots(parts.settings.maxConcurrentLoads)
    this.#timer = new DeadlineTimer(parts.clock, () => {
      advanceAll()
      return Number.POSITIVE_INFINITY
    })
  }

  /** Does all that can be done for a model now. */
  advance(model: ModelEntry<Contract>): void {
    // A listener that calls back in the middle of an action is heard: the loop looks again after each action.
    if (this.#stopped || this.#advancing.has(model)) return
    this.#advancing.add(model)
    let action = this.#next(model)
    while (action.kind !== 'wait') {
      this.#perform(model, action)
      action = this.#next(model)
    }
    this.#advancing.delete(model)
    this.#timer.watch(action.until)
  }

  /** Resolves when no load is under way. */
  async loaded(): Promise<void> {
    while (this.#loads.size > 0)
      await Promise.all([...this.#loads.values()].map(({ done }) => done))
  }

  /** Resolves when nothing loads and nothing unloads. */
  async settled(): Promise<void> {
    while (this.#loads.size + this.#retirements.size > 0) {
      await this.loaded()
      await Promise.all(this.#retirements)
    }
  }

  /** Whether a load of this version is under way and still wanted. */
  isLoading(id: string): boolean {
    for (const version of this.#loads.keys())
      if (version.id === id && !version.cancelled) return true
    return false
  }

  /** Starts nothing any more and cancels what is on its way. */
  stop(): void {
    this.#stopped = true
    this.#timer.stop()
    for (const version of this.#loads.keys()) this.#cancel(version, 'the server shuts down')
  }

  /** The swap: one assignment, after which new requests lease the other version. */
  assign(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    to: ServedModel<Contract>,
    why: string,
  ): void {
    const { clock, settings } = this.#parts
    const from = ref.serving
    ref.serving = to
    ref.previous = from
    ref.since = clock.now()
    ref.why = why
    this.reportSwap(model, ref, {
      from: from?.version,
      to: to.version,
      durationMs: clock.monotonic() - ref.desiredSince,
      result: 'swapped',
      reason: why,
    })
    if (from === undefined || from.state !== 'ready' || settings.standbyMs <= 0) return
    if (model.isServing(from) || model.isDesired(from.id)) return
    from.standbyUntil = clock.monotonic() + settings.standbyMs
    from.move('standby', `version ${to.version} has taken over`)
  }

  /** The version does not serve, and will not be tried again before its back-off (`held`: not by itself). */
  fail(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError,
    held: boolean,
  ): void {
    model.failures.add(version.id, version.registered, version.state, error, held)
    version.move('failed', error.message, error)
    this.#retire(model, version)
  }

  /** Takes a version out of service: requests inside it finish, up to the drain timeout. */
  unload(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    reason: string,
    timeoutMs = this.#parts.settings.drainTimeoutMs,
  ): void {
    version.move('draining', reason)
    this.#retire(model, version, timeoutMs)
  }

  reportSwap(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    swap: Omit<SwapEvent, 'model' | 'ref'>,
  ): void {
    const event: SwapEvent = { model: model.name, ref: ref.label, ...swap }
    model.history.swapped(this.#parts.clock.now(), event)
    this.#parts.events.emit('swap', event)
  }

  #next(model: ModelEntry<Contract>): Action {
    return nextAction(model.view(), this.#parts.clock.monotonic())
  }

  #perform(model: ModelEntry<Contract>, action: Exclude<Action, { kind: 'wait' }>): void {
    const { id } = action
    if (action.kind === 'load') {
      this.#load(model, id)
      return
    }
    const version = model.find((other) => other.id === id && other.isLive)
    if (version === undefined) throw new ServingError('INTERNAL', `No version to ${action.kind}`)
    if (action.kind === 'swap') this.#swap(model, action.ref, version)
    else if (action.kind === 'cancel') this.#cancel(version, 'no longer wanted')
    else this.unload(model, version, 'no longer wanted')
  }

  #swap(model: ModelEntry<Contract>, label: string, to: ServedModel<Contract>): void {
    const ref = model.refs.get(label)
    if (ref === undefined) throw new ServingError('INTERNAL', `No reference "${label}"`)
    if (to.state === 'standby') to.move('ready', 'wanted again')
    this.assign(model, ref, to, swapReason(ref.serving, to))
  }

  #cancel(version: ServedModel<Contract>, reason: string): void {
    version.cancelled = true
    this.#loads
      .get(version)
      ?.abort.abort(new ServingError('LOAD_FAILED', `Loading was cancelled: ${reason}`))
  }

  #load(model: ModelEntry<Contract>, id: string): void {
    const wanting = [...model.refs.values()].find(
      ({ desired }) => desired !== undefined && versionId(desired) === id,
    )
    const registered = wanting?.desired
    if (registered === undefined)
      throw new ServingError('INTERNAL', 'No reference wants the version to load')
    const version = new ServedModel<Contract>(
      registered,
      `wanted by "${wanting?.label}"`,
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
      if (signal.aborted) this.#retire(model, version)
      else this.#failed(model, version, ServingError.from(error, 'LOAD_FAILED'))
    }
    this.advance(model)
  }

  #failed(model: ModelEntry<Contract>, version: ServedModel<Contract>, error: ServingError): void {
    for (const ref of model.refs.values()) {
      if (ref.desired === undefined || versionId(ref.desired) !== version.id) continue
      this.reportSwap(model, ref, {
        from: ref.serving?.version,
        to: version.version,
        durationMs: this.#parts.clock.monotonic() - ref.desiredSince,
        result: 'failed',
        reason: `${version.state}: ${error.message}`,
      })
    }
    this.fail(model, version, error, false)
  }

  #retire(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    timeoutMs = this.#parts.settings.drainTimeoutMs,
  ): void {
    const retirement = this.#giveBack(model, version, timeoutMs).then(() => {
      this.#retirements.delete(retirement)
      this.#advanceAll()
    })
    this.#retirements.add(retirement)
  }

  async #giveBack(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    timeoutMs: number,
  ): Promise<void> {
    const startedAt = this.#parts.clock.monotonic()
    let failure: ServingError | undefined
    try {
      await version.retire(timeoutMs)
    } catch (error) {
      failure = ServingError.from(error)
    }
    model.versions.delete(version)
    if (version.state === 'draining' || version.cutRequests > 0) {
      const durationMs = this.#parts.clock.monotonic() - startedAt
      const event = {
        model: model.name,
        version: version.version,
        durationMs,
        cutRequests: version.cutRequests,
      }
      model.history.drained(this.#parts.clock.now(), event)
      this.#parts.events.emit('drain', event)
    }
    if (version.state === 'failed') return
    if (failure === undefined) version.move('closed', version.cancelled ? 'cancelled' : 'unloaded')
    else version.move('failed', `unloading failed: ${failure.message}`, failure)
  }
}

function swapReason<C>(from: ServedModel<C> | undefined, to: ServedModel<C>): string {
  if (from === undefined) return 'first version loaded'
  if (from.version === to.version) return `version ${to.version} was registered again`
  return `moved from version ${from.version} to ${to.version}`
}
