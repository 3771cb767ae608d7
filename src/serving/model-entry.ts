import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ModelVersion, Resolution } from '../interfaces.ts'
import { FailureLog } from './failure-log.ts'
import type { ModelView } from './handover/handover.ts'
import { History } from './history.ts'
import type { ProbationSettings } from './probation/probation.ts'
import type { TrafficSample } from './probation/traffic-record.ts'
import { type ServedModel, versionId } from './served-model.ts'
import type { BackoffSettings } from './settings.ts'

/** What the registry says about one reference of a model. */
export interface DesiredRef {
  /** Alias, stage, `latest` or version number: what requests and people call the reference by. */
  readonly label: string
  readonly resolution: Resolution
  /** With a resolution that a person has fixed. */
  readonly pin?: PinnedRef | undefined
}

/** A reference that serves one version, whatever the registry says it means. */
export interface PinnedRef {
  readonly version: string
  /** ISO 8601. */
  readonly since: string
  /** Who asked for it, in their own words. */
  readonly by: string | undefined
  /** Version that the registry says the reference means; undefined where it names none. */
  readonly registryVersion: string | undefined
}

/** A version that has just taken over, and the one that it took over from. */
export interface Probation<Contract> {
  readonly version: ServedModel<Contract>
  /** Loaded, and ready to take over again. */
  readonly previous: ServedModel<Contract>
  readonly settings: ProbationSettings
  /** What the version had done before it took over, for another reference. */
  readonly before: TrafficSample
  /** What the previous version did lately. */
  readonly yardstick: TrafficSample
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly until: number
}

/** A reference of a model and the version behind it. */
export interface RefEntry<Contract> {
  readonly label: string
  desired: ModelVersion | undefined
  /** Monotonic time since which `desired` is wanted. */
  desiredSince: number
  /** Why the registry names no version for it now. */
  error: ServingError | undefined
  /** The version that answers now. A swap is the assignment of this field. */
  serving: ServedModel<Contract> | undefined
  /** Versions that it has served, latest last: its clients have known them. */
  readonly served: Set<string>
  /** The wanted version is loaded, and may not take over for this reason. */
  refused: { readonly id: string; readonly error: ServingError } | undefined
  /** The wanted version is loaded, and is being checked against the one that serves. */
  checking: string | undefined
  /** Set while a person has fixed what it serves. */
  pin: PinnedRef | undefined
  /** While `serving` is judged and the version before it may take over again. */
  probation: Probation<Contract> | undefined
  /** What it served until that was unloaded to make room, while nothing serves. */
  released: ModelVersion | undefined
  /** Milliseconds since the epoch at which `serving` was assigned, and why. */
  since: number | undefined
  why: string
}

/** Codes of a registry that could not say what a reference means, as against one that says it means nothing. */
export const NO_ANSWER: ReadonlySet<string> = new Set(['REGISTRY_UNAVAILABLE', 'REGISTRY_DENIED'])

/** Versions that have served are remembered up to this number. */
const KEPT_SERVED = 100

/** Everything that the manager knows of one model name. */
export class ModelEntry<Contract> {
  readonly name: string
  readonly refs = new Map<string, RefEntry<Contract>>()
  /** Every life that has not ended, oldest first. */
  readonly versions = new Set<ServedModel<Contract>>()
  readonly failures: FailureLog
  /** Versions that a person accepts whatever clients notice, until they serve or are not wanted any more. */
  readonly allowed = new Set<string>()
  readonly history: History
  readonly #clock: Clock
  #firstRef: RefEntry<Contract> | undefined

  constructor(name: string, clock: Clock, backoff: BackoffSettings) {
    this.name = name
    this.#clock = clock
    this.failures = new FailureLog(clock, backoff)
    this.history = new History()
  }

  /** The reference that a request without one means. */
  get firstRef(): RefEntry<Contract> | undefined {
    return this.#firstRef
  }

  /** Makes references known before the registry has said anything about them. */
  declare(labels: readonly string[]): void {
    for (const label of labels) this.#ref(label)
    this.#firstRef = this.refs.values().next().value
  }

  /**
   * Replaces what is wanted. Returns the references whose wanted version is another now, each with the version
   * wanted until now.
   */
  want(entries: readonly DesiredRef[]): { ref: RefEntry<Contract>; before: ModelVersion }[] {
    const left: { ref: RefEntry<Contract>; before: ModelVersion }[] = []
    const labels = new Set(entries.map((entry) => entry.label))
    for (const ref of this.refs.values()) {
      if (labels.has(ref.label)) continue
      this.refs.delete(ref.label)
      if (ref.desired !== undefined) left.push({ ref, before: ref.desired })
    }
    this.declare(entries.map((entry) => entry.label))
    for (const { label, resolution, pin } of entries) {
      const ref = this.#ref(label)
      ref.pin = pin
      const before = ref.desired
      this.#resolve(ref, resolution)
      if (ref.refused?.id !== idOf(ref.desired)) ref.refused = undefined
      const moved = ref.desired === undefined || versionId(ref.desired) !== idOf(before)
      if (before !== undefined && moved) left.push({ ref, before })
    }
    this.#unhold(left)
    for (const id of this.allowed) if (!this.isDesired(id)) this.allowed.delete(id)
    this.failures.prune((id) => this.isDesired(id))
    return left
  }

  /** The reference serves this version from now on. */
  noteServed({ served }: RefEntry<Contract>, id: string): void {
    served.delete(id)
    served.add(id)
    const [oldest] = served
    if (served.size > KEPT_SERVED && oldest !== undefined) served.delete(oldest)
    if (this.awaiting(id).length === 0) this.allowed.delete(id)
  }

  /** References that want this version and serve another one. */
  awaiting(id: string): readonly RefEntry<Contract>[] {
    return [...this.refs.values()].filter(
      ({ desired, serving }) => idOf(desired) === id && serving !== undefined && serving.id !== id,
    )
  }

  isDesired(id: string): boolean {
    for (const ref of this.refs.values()) if (idOf(ref.desired) === id) return true
    return false
  }

  /** Whether something was unloaded so that this version could be loaded. */
  madeRoomFor(id: string): boolean {
    for (const ref of this.refs.values()) {
      if (ref.released !== undefined && idOf(ref.desired) === id) return true
    }
    return false
  }

  isServing(version: ServedModel<Contract>): boolean {
    for (const ref of this.refs.values()) if (ref.serving === version) return true
    return false
  }

  /** The newest life with this id that is not over; by number where no id is given. */
  find(matches: (version: ServedModel<Contract>) => boolean): ServedModel<Contract> | undefined {
    let found: ServedModel<Contract> | undefined
    for (const version of this.versions) if (matches(version)) found = version
    return found
  }

  view(): ModelView {
    return {
      refs: Array.from(this.refs.values(), (ref) => ({
        label: ref.label,
        desired: isHeldUp(ref) ? ref.serving?.id : idOf(ref.desired),
        serving: ref.serving?.id,
        checking: ref.checking,
        previous: ref.probation?.previous.id,
        released: idOf(ref.released),
      })),
      versions: Array.from(this.versions, ({ id, state, cancelled }) => ({ id, state, cancelled })),
      failures: this.failures.views(),
    }
  }

  /**
   * What was taken back may be tried again where a reference has left it or come to it, unless another one that has not
   * moved wants it.
   */
  #unhold(left: readonly { ref: RefEntry<Contract>; before: ModelVersion | undefined }[]): void {
    const moved = new Set(left.map(({ ref }) => ref))
    const stayed = new Set<string | undefined>()
    for (const ref of this.refs.values()) if (!moved.has(ref)) stayed.add(idOf(ref.desired))
    for (const { ref, before } of left) {
      for (const id of [idOf(before), idOf(ref.desired)]) {
        if (id !== undefined && !stayed.has(id)) this.failures.unhold(id)
      }
    }
  }

  #ref(label: string): RefEntry<Contract> {
    const known = this.refs.get(label)
    if (known !== undefined) return known
    const ref: RefEntry<Contract> = {
      label,
      desired: undefined,
      desiredSince: this.#clock.monotonic(),
      error: undefined,
      serving: undefined,
      served: new Set(),
      refused: undefined,
      checking: undefined,
      pin: undefined,
      probation: undefined,
      released: undefined,
      since: undefined,
      why: 'not resolved yet',
    }
    this.refs.set(label, ref)
    return ref
  }

  #resolve(ref: RefEntry<Contract>, resolution: Resolution): void {
    if (!(resolution instanceof ServingError)) {
      ref.error = undefined
      if (idOf(ref.desired) !== versionId(resolution)) ref.desiredSince = this.#clock.monotonic()
      ref.desired = resolution
      return
    }
    ref.error = resolution
    // A reference that means nothing keeps what serves, but nothing new is brought into service for it.
    if (!NO_ANSWER.has(resolution.code)) ref.desired = ref.serving?.registered
  }
}

function isHeldUp<Contract>({ refused, checking }: RefEntry<Contract>): boolean {
  return refused !== undefined || checking !== undefined
}

function idOf(version: ModelVersion | undefined): string | undefined {
  return version === undefined ? undefined : versionId(version)
}
