import { ServingError } from '../../errors.ts'
import { DeadlineTimer } from '../deadline-timer.ts'
import type { SwapEvent } from '../events.ts'
import type { ModelEntry, RefEntry } from '../model-entry.ts'
import { NO_PROBATION, type ProbationSettings } from '../probation/probation.ts'
import { ProbationWatch } from '../probation/probation-watch.ts'
import { type ServedModel, versionId } from '../served-model.ts'
import type { ManagerSettings } from '../settings.ts'
import { isLoaded } from '../version-state.ts'
import type { BringUpParts } from './bring-up.ts'
import { type Action, nextAction } from './handover.ts'
import { swapReason, whyUnloaded } from './handover-reasons.ts'
import { PromotionChecks } from './promotion-checks.ts'
import { Retirements } from './retirements.ts'
import { VersionLoads } from './version-loads.ts'

export interface HandoverParts<Contract> extends BringUpParts<Contract> {
  readonly settings: ManagerSettings
  /** How a model's versions are judged once they serve; left out: they are not. */
  readonly probationFor?: (modelName: string) => ProbationSettings
  /**
   * Whether a version of this size may stay loaded beside the one that took over from it; `bytes` as in
   * `Findings.memory`, undefined where nothing is known. Left out: it may.
   */
  readonly standbyFits?: (bytes: number | undefined) => boolean
}

/**
 * Carries out what `nextAction` decides. Decisions and swaps happen in the tick in which their cause happened; only
 * loading and unloading wait, and come back here when they have ended.
 */
export class HandoverRunner<Contract> {
  readonly #parts: HandoverParts<Contract>
  readonly #probations: ProbationWatch<Contract>
  readonly #timer: DeadlineTimer
  readonly #loads: VersionLoads<Contract>
  readonly #checks: PromotionChecks<Contract>
  readonly #retirements: Retirements<Contract>
  readonly #advancing = new Set<ModelEntry<Contract>>()
  #stopped = false

  /** @param advanceAll advances every model: something has fallen due, or a version is gone. */
  constructor(parts: HandoverParts<Contract>, advanceAll: () => void) {
    this.#parts = parts
    this.#retirements = new Retirements(parts, advanceAll)
    this.#loads = new VersionLoads(parts, parts.settings.maxConcurrentLoads, {
      failed: (model, version, error) => this.#failed(model, version, error),
      ended: (model) => this.advance(model),
    })
    this.#checks = new PromotionChecks({
      gates: parts.gates,
      refused: (model, ref, version, error) => this.#refuse(model, ref, version, error),
      ended: (model) => this.advance(model),
    })
    this.#probations = new ProbationWatch({
      clock: parts.clock,
      settingsFor: parts.probationFor ?? (() => NO_PROBATION),
      standbyFits: parts.standbyFits ?? (() => true),
      report: (model, event) => {
        model.history.probation(parts.clock.now(), event)
        parts.events.emit('probation', event)
      },
      takeBack: (model, ref, reason) => this.takeBack(model, ref, reason),
      released: (model) => this.advance(model),
    })
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
    this.#probations.forgetGone(model)
    this.#checks.endStale(model)
    let action = this.#next(model)
    while (action.kind !== 'wait') {
      this.#perform(model, action)
      action = this.#next(model)
    }
    this.#advancing.delete(model)
    this.#timer.watch(action.until)
  }

  /** Resolves when nothing is on its way into service. */
  async loaded(): Promise<void> {
    while (this.#loads.size + this.#checks.size > 0) {
      await this.#loads.ended()
      await this.#checks.ended()
    }
  }

  /** Resolves when nothing loads and nothing unloads. */
  async settled(): Promise<void> {
    while (this.#loads.size + this.#checks.size + this.#retirements.size > 0) {
      await this.loaded()
      await this.#retirements.ended()
    }
  }

  /** Whether a load of this version is under way and still wanted. */
  isLoading(id: string): boolean {
    return this.#loads.has(id)
  }

  /** Starts nothing any more and cancels what is on its way. */
  stop(): void {
    this.#stopped = true
    this.#timer.stop()
    this.#probations.stop()
    this.#checks.stop()
    this.#loads.cancelAll('the server shuts down')
  }

  /**
   * Gives a reference back to the version that it served before, and holds the version it leaves. Every reference that
   * the bad version serves leaves it: to the version before, where it has left one lately, else to the same one.
   * Returns whether it could be done.
   */
  takeBack(model: ModelEntry<Contract>, ref: RefEntry<Contract>, reason: string): boolean {
    const bad = ref.serving
    const good = standingBy(ref)
    if (bad === undefined || good === undefined) return false
    const why = `version ${bad.version} was taken back: ${reason}`
    for (const other of model.refs.values()) {
      if (other.serving !== bad) continue
      const to = standingBy(other) ?? good
      if (to.state === 'standby') to.move('ready', why)
      this.#probations.end(other, 'taken_back', reason)
      this.#assign(model, other, to, why)
    }
    this.#fail(model, bad, new ServingError('MODEL_FAILED', `Taken back: ${reason}`), true)
    this.advance(model)
    return true
  }

  /** The swap: one assignment, after which new requests lease the other version. */
  #assign(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    to: ServedModel<Contract>,
    why: string,
  ): void {
    const { clock } = this.#parts
    const from = ref.serving
    ref.serving = to
    ref.released = undefined
    model.noteServed(ref, to.id)
    ref.since = clock.now()
    ref.why = why
    this.reportSwap(model, ref, {
      from: from?.version,
      to: to.version,
      durationMs: clock.monotonic() - ref.desiredSince,
      result: 'swapped',
      served: to.registered,
      reason: why,
    })
  }

  /** The version does not serve, and will not be tried again before its back-off (`held`: not by itself). */
  #fail(
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
    const { clock, settings } = this.#parts
    const memoryFirst = settings.memorySwap === 'memory-first'
    return nextAction({ ...model.view(), memoryFirst }, clock.monotonic())
  }

  #perform(model: ModelEntry<Contract>, action: Exclude<Action, { kind: 'wait' }>): void {
    const { id } = action
    if (action.kind === 'load') this.#loads.begin(model, id)
    else if (action.kind === 'dismiss') this.#dismiss(model, action.ref, id)
    else if (action.kind === 'release') this.#release(model, action.refs, id)
    else this.#performOn(model, this.#liveVersion(model, id), action)
  }

  #performOn(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    action: Extract<Action, { kind: 'swap' | 'cancel' | 'unload' }>,
  ): void {
    if (action.kind === 'swap') this.#swap(model, action.ref, version)
    else if (action.kind === 'cancel') this.#loads.cancel(version, 'no longer wanted')
    else this.unload(model, version, whyUnloaded(model, version))
  }

  #liveVersion(model: ModelEntry<Contract>, id: string): ServedModel<Contract> {
    const version = model.find((other) => other.id === id && other.isLive)
    if (version === undefined) throw new ServingError('INTERNAL', 'No such version is loaded')
    return version
  }

  #swap(model: ModelEntry<Contract>, label: string, to: ServedModel<Contract>): void {
    const ref = model.refs.get(label)
    if (ref === undefined) throw new ServingError('INTERNAL', `No reference "${label}"`)
    const from = ref.serving
    if (from !== undefined && this.#checks.isDue(ref, to)) {
      this.#checks.begin(model, ref, to, from)
      return
    }
    if (to.state === 'standby') to.move('ready', 'wanted again')
    this.#assign(model, ref, to, swapReason(from, to))
    this.#probations.begin(model, ref, from)
  }

  #dismiss(model: ModelEntry<Contract>, label: string, id: string): void {
    model.failures.roomMade(id)
    const ref = model.refs.get(label)
    if (ref !== undefined) this.#probations.end(ref, 'ended', 'its memory is needed')
  }

  #release(model: ModelEntry<Contract>, labels: readonly string[], id: string): void {
    model.failures.roomMade(id)
    for (const label of labels) {
      const ref = model.refs.get(label)
      if (ref?.serving === undefined) continue
      this.#probations.end(ref, 'ended', 'its memory is needed')
      ref.released = ref.serving.registered
      ref.serving = undefined
      ref.since = undefined
      ref.why = `version ${ref.released.version} makes room for version ${ref.desired?.version}`
    }
  }

  #refuse(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError,
  ): void {
    ref.refused = { id: version.id, error }
    this.#reportFailed(model, ref, version, error)
  }

  #reportFailed(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError,
  ): void {
    this.reportSwap(model, ref, {
      from: ref.serving?.version,
      to: version.version,
      durationMs: this.#parts.clock.monotonic() - ref.desiredSince,
      result: 'failed',
      reason: `${version.state}: ${error.message}`,
    })
  }

  #failed(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError | 'cancelled',
  ): void {
    if (error === 'cancelled') {
      this.#retire(model, version)
      return
    }
    for (const ref of model.refs.values()) {
      if (ref.desired === undefined || versionId(ref.desired) !== version.id) continue
      this.#reportFailed(model, ref, version, error)
    }
    // Its files would have to change for another outcome; and nothing shall serve again only to make room again.
    const held = error.code === 'CONTRACT_BREAKING' || model.madeRoomFor(version.id)
    this.#fail(model, version, error, held)
  }

  #retire(
    model: ModelEntry<Contract>,
    version: ServedModel<Contract>,
    timeoutMs = this.#parts.settings.drainTimeoutMs,
  ): void {
    this.#retirements.begin(model, version, timeoutMs)
  }
}

/** The version that can take over again. */
function standingBy<C>({ probation }: RefEntry<C>): ServedModel<C> | undefined {
  return probation !== undefined && isLoaded(probation.previous.state)
    ? probation.previous
    : undefined
}
