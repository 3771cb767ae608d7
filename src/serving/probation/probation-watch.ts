import type { Clock } from '../../clock.ts'
import { DeadlineTimer } from '../deadline-timer.ts'
import type { ProbationEvent } from '../events.ts'
import type { ModelEntry, Probation, RefEntry } from '../model-entry.ts'
import type { ServedModel } from '../served-model.ts'
import { compare, errorsBeyondBounds, judge, type ProbationSettings } from './probation.ts'

/** How often run times are compared. Failures are counted as they happen. */
const LOOK_MS = 1_000

export interface ProbationParts<Contract> {
  readonly clock: Clock
  readonly settingsFor: (modelName: string) => ProbationSettings
  /** Whether a version may stay in memory beside the one that has taken over. */
  readonly standbyFits: (bytes: number | undefined) => boolean
  readonly report: (model: ModelEntry<Contract>, event: ProbationEvent) => void
  /** A version has turned out bad. */
  readonly takeBack: (
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    reason: string,
  ) => boolean
  /** A version need not stand by any more. */
  readonly released: (model: ModelEntry<Contract>) => void
}

interface Running<Contract> {
  readonly model: ModelEntry<Contract>
  readonly probation: Probation<Contract>
}

/**
 * Watches versions that have just taken over: lets the version before stand by, and gives the reference back to it as
 * soon as the new one turns out worse.
 */
export class ProbationWatch<Contract> {
  readonly #parts: ProbationParts<Contract>
  readonly #timer: DeadlineTimer
  readonly #running = new Map<RefEntry<Contract>, Running<Contract>>()

  constructor(parts: ProbationParts<Contract>) {
    this.#parts = parts
    this.#timer = new DeadlineTimer(parts.clock, (now) => this.#look(now))
  }

  /** The reference has left `from`. Nothing begins where there is none, or no time or memory for it. */
  begin(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    from: ServedModel<Contract> | undefined,
  ): void {
    this.end(ref, 'ended', `version ${ref.serving?.version} has taken over`)
    const version = ref.serving
    const settings = this.#parts.settingsFor(model.name)
    if (version === undefined || from?.state !== 'ready' || settings.durationMs <= 0) return
    const now = this.#parts.clock.monotonic()
    const probation: Probation<Contract> = {
      version,
      previous: from,
      settings,
      before: version.traffic.sample(),
      yardstick: from.traffic.recent(),
      startedAt: now,
      until: now + settings.durationMs,
    }
    const running = { model, probation }
    if (!model.isServing(from) && !model.isDesired(from.id)) {
      if (!this.#parts.standbyFits(from.findings.memory?.bytes ?? from.artifactBytes)) {
        this.#report(running, ref, 'skipped', `no memory for version ${from.version} to stand by`)
        return
      }
      from.move('standby', `version ${version.version} has taken over and is on probation`)
    }
    ref.probation = probation
    this.#running.set(ref, running)
    version.traffic.onFault = () => this.#checkErrors(version)
    this.#timer.watch(Math.min(now + LOOK_MS, probation.until))
    this.#report(running, ref, 'started', `for ${settings.durationMs} ms`)
  }

  /** The probation of a reference is over, if there is one. */
  end(ref: RefEntry<Contract>, state: 'passed' | 'taken_back' | 'ended', reason: string): void {
    const running = this.#running.get(ref)
    if (running === undefined) return
    this.#running.delete(ref)
    ref.probation = undefined
    const { version } = running.probation
    if (![...this.#running.values()].some(({ probation }) => probation.version === version)) {
      version.traffic.onFault = undefined
    }
    this.#report(running, ref, state, reason)
  }

  /** Ends what was on probation for references of a model that are gone. */
  forgetGone(model: ModelEntry<Contract>): void {
    for (const [ref, running] of this.#running) {
      if (running.model !== model || model.refs.get(ref.label) === ref) continue
      this.end(ref, 'ended', 'the reference is not followed any more')
    }
  }

  stop(): void {
    this.#timer.stop()
    for (const ref of this.#running.keys()) this.end(ref, 'ended', 'the server shuts down')
  }

  /** After each failure: a version that fails every request is not waited for. */
  #checkErrors(version: ServedModel<Contract>): void {
    for (const [ref, { model, probation }] of this.#running) {
      if (probation.version !== version) continue
      const sample = version.traffic.since(probation.before)
      const reason = errorsBeyondBounds(sample, probation.yardstick, probation.settings)
      if (reason !== undefined) this.#takeBack(model, ref, reason)
    }
  }

  #look(now: number): number {
    for (const [ref, { model, probation }] of this.#running) {
      // Taking one back may have ended others.
      if (!this.#running.has(ref)) continue
      const { version, before, yardstick, settings, until } = probation
      const verdict = judge(version.traffic.since(before), yardstick, settings, until <= now)
      if (verdict.kind === 'take back') this.#takeBack(model, ref, verdict.reason)
      else if (verdict.kind === 'passed') {
        this.end(ref, 'passed', verdict.reason)
        this.#parts.released(model)
      }
    }
    let next = Number.POSITIVE_INFINITY
    for (const { probation } of this.#running.values()) {
      next = Math.min(next, now + LOOK_MS, probation.until)
    }
    return next
  }

  #takeBack(model: ModelEntry<Contract>, ref: RefEntry<Contract>, reason: string): void {
    if (this.#parts.takeBack(model, ref, reason)) return
    this.end(ref, 'ended', `no version to go back to, though ${reason}`)
    this.#parts.released(model)
  }

  #report(
    { model, probation }: Running<Contract>,
    ref: RefEntry<Contract>,
    state: ProbationEvent['state'],
    reason: string,
  ): void {
    const { version, previous, before, yardstick, startedAt } = probation
    this.#parts.report(model, {
      model: model.name,
      ref: ref.label,
      version: version.version,
      previous: previous.version,
      state,
      durationMs: this.#parts.clock.monotonic() - startedAt,
      reason,
      figures: compare(version.traffic.since(before), yardstick),
    })
  }
}
