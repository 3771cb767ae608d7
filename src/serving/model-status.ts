import type { Clock } from '../clock.ts'
import type { DownloadProgress, TrialFigures } from '../interfaces.ts'
import type { BatchingEvidence, ContractFinding } from './candidate.ts'
import type { VersionFailure } from './failure-log.ts'
import type { HistoryEntry } from './history.ts'
import type { VersionMemory } from './memory.ts'
import type { ModelEntry, PinnedRef, Probation, RefEntry } from './model-entry.ts'
import { type Comparison, compare } from './probation/probation.ts'
import type { RehearsalReport } from './rehearsal/report.ts'
import type { ServedModel } from './served-model.ts'
import type { VersionState } from './version-state.ts'

/** What people and programs see of a model. Times are ISO 8601 in UTC. */
export interface ModelStatus {
  readonly name: string
  /** Every reference serves a version. */
  readonly ready: boolean
  readonly refs: readonly RefStatus[]
  readonly versions: readonly VersionStatus[]
  readonly events: readonly EventStatus[]
}

export interface RefStatus {
  readonly ref: string
  /** Version that answers now. */
  readonly serving: string | undefined
  readonly since: string | undefined
  readonly why: string
  /** Version that is wanted: the pinned one, else the one that the registry named last. */
  readonly desired: string | undefined
  /** Set while a person has fixed what it serves; `registryVersion` is what it means in the registry meanwhile. */
  readonly pinned: PinnedRef | undefined
  /** While the version that answers now is judged, and the one before stands by. */
  readonly probation: ProbationStatus | undefined
  /** Why the registry names none now, or why the version that is wanted may not take over. */
  readonly error: FailureStatus | undefined
}

export interface ProbationStatus {
  readonly version: string
  /** The version before, loaded and ready to take over again. */
  readonly previous: string
  readonly until: string
  readonly figures: Comparison
}

export interface VersionStatus {
  readonly version: string
  readonly state: VersionState
  readonly since: string
  readonly reason: string
  /** Requests inside it. */
  readonly leases: number
  /** Rows that wait for one of its workers. */
  readonly waitingRows: number
  readonly engine: string | undefined
  /** What computes, where the engine has several. */
  readonly backend: string | undefined
  /** Kernel for want of which it is not the first choice of backend. */
  readonly missingKernel: string | undefined
  readonly loadMs: number | undefined
  readonly warmupMs: number | undefined
  readonly artifactBytes: number | undefined
  readonly download: DownloadProgress | undefined
  /** Undefined before it is loaded. */
  readonly batching: BatchingStatus | undefined
  /** How its answers to recent requests compare with those of the version that served. */
  readonly rehearsal: RehearsalReport | undefined
  /** Cases of its own `golden.json` that it answered as expected. */
  readonly goldenCases: number | undefined
  /** How it differs from the version that served when it was checked. */
  readonly contract: ContractFinding | undefined
  /** What trying it out in a process of its own took. */
  readonly trial: TrialFigures | undefined
  /** What it takes on one worker. */
  readonly memory: VersionMemory | undefined
  /** The last failure, also while it is being tried again. */
  readonly failure: FailureStatus | undefined
}

export interface BatchingStatus {
  readonly enabled: boolean
  /** Why requests run alone. */
  readonly reason: string | undefined
  /** What was run alone and together, to the same answers; undefined where that could not be tried. */
  readonly proof: BatchingEvidence | undefined
}

export interface FailureStatus {
  readonly code: string
  readonly message: string
  readonly stage: VersionState | undefined
  readonly at: string | undefined
  readonly attempts: number | undefined
  /** Undefined where it is not tried again by itself. */
  readonly nextTryAt: string | undefined
  /** Not tried again until its reference moves or a person clears it. */
  readonly held: boolean
}

export interface EventStatus extends Omit<HistoryEntry, 'at'> {
  readonly at: string
}

/** Describes a model as it is now. */
export function describeModel<Contract>(model: ModelEntry<Contract>, clock: Clock): ModelStatus {
  const refs = Array.from(model.refs.values(), (ref) => describeRef(ref, clock))
  const live = [...model.versions].filter((version) => version.state !== 'failed')
  const liveIds = new Set(live.map((version) => version.id))
  const failed = [...model.failures.entries()].filter(([id]) => !liveIds.has(id))
  return {
    name: model.name,
    ready: refs.length > 0 && refs.every((ref) => ref.serving !== undefined),
    refs,
    versions: [
      ...live.map((version) => describeVersion(version, model.failures.get(version.id), clock)),
      ...failed.map(([, failure]) => describeFailed(failure, clock)),
    ],
    events: model.history.entries().map((entry) => ({ ...entry, at: iso(entry.at) })),
  }
}

function describeRef<Contract>(ref: RefEntry<Contract>, clock: Clock): RefStatus {
  const error = ref.error ?? ref.refused?.error
  return {
    ref: ref.label,
    serving: ref.serving?.version,
    since: ref.since === undefined ? undefined : iso(ref.since),
    why: ref.why,
    desired: ref.desired?.version,
    pinned: ref.pin,
    probation: ref.probation && describeProbation(ref.probation, clock),
    error: error && {
      code: error.code,
      message: error.message,
      stage: undefined,
      at: undefined,
      attempts: undefined,
      nextTryAt: undefined,
      held: ref.error === undefined,
    },
  }
}

function describeProbation<Contract>(
  { version, previous, before, yardstick, until }: Probation<Contract>,
  clock: Clock,
): ProbationStatus {
  return {
    version: version.version,
    previous: previous.version,
    until: iso(clock.now() + Math.max(0, until - clock.monotonic())),
    figures: compare(version.traffic.since(before), yardstick),
  }
}

function describeVersion<Contract>(
  version: ServedModel<Contract>,
  failure: VersionFailure | undefined,
  clock: Clock,
): VersionStatus {
  const { info, batcher } = version
  return {
    version: version.version,
    state: version.state,
    since: iso(version.since),
    reason: version.reason,
    leases: version.leases,
    waitingRows: batcher?.waitingRows ?? 0,
    engine: info?.engine,
    backend: info?.backend,
    missingKernel: info?.missingKernel,
    loadMs: info?.loadMs,
    warmupMs: info?.warmupMs,
    artifactBytes: version.artifactBytes,
    download: version.progress,
    batching: batcher && {
      enabled: batcher.obstacle === undefined,
      reason: batcher.obstacle,
      proof: version.findings.batchingProof,
    },
    rehearsal: version.findings.rehearsal,
    goldenCases: version.findings.goldenCases,
    contract: version.findings.contract,
    trial: version.findings.trial,
    memory: version.findings.memory,
    failure: failure && describeFailure(failure, clock),
  }
}

function describeFailed(failure: VersionFailure, clock: Clock): VersionStatus {
  return {
    version: failure.version.version,
    state: 'failed',
    since: iso(failure.at),
    reason: failure.error.message,
    leases: 0,
    waitingRows: 0,
    engine: undefined,
    backend: undefined,
    missingKernel: undefined,
    loadMs: undefined,
    warmupMs: undefined,
    artifactBytes: undefined,
    download: undefined,
    batching: undefined,
    rehearsal: undefined,
    goldenCases: undefined,
    contract: undefined,
    trial: undefined,
    memory: undefined,
    failure: describeFailure(failure, clock),
  }
}

/** A failure as `/models` and the error of a request show it. */
export function describeFailure(failure: VersionFailure, clock: Clock): FailureStatus {
  const { error, stage, at, attempts, retryAt } = failure
  const held = retryAt === Number.POSITIVE_INFINITY
  return {
    code: error.code,
    message: error.message,
    stage,
    at: iso(at),
    attempts,
    held,
    nextTryAt: held ? undefined : iso(clock.now() + Math.max(0, retryAt - clock.monotonic())),
  }
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
