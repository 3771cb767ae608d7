import type { LoadedModel, ModelVersion, TrialFigures } from '../interfaces.ts'
import type { ContractChange } from '../model/contract-difference.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import type { VersionMemory } from './memory.ts'
import type { RehearsalReport } from './rehearsal/report.ts'

/** A version that has been loaded, on the workers or on trial in a process of its own, and answers nobody yet. */
export interface Candidate<Contract> {
  readonly registered: ModelVersion
  /** Where its files are. */
  readonly folder: string
  readonly manifest: ModelManifest
  /** Gone when the gates have been passed: a gate keeps no hold of it. */
  readonly model: LoadedModel
  readonly contract: Contract
}

export interface ContractFinding {
  readonly change: ContractChange
  /** In words, what breaks first. */
  readonly differences: readonly string[]
  /** Why a change that the settings do not accept was let through. */
  readonly accepted: 'allowed by a person' | 'it has served before' | undefined
}

/** Rows that were run alone and in batches. */
export interface BatchingEvidence {
  readonly rows: number
  readonly largestBatch: number
  readonly source: 'traffic' | 'example' | 'made up'
}

/** What was found out about a version before it served, for people and for what follows. */
export interface Findings {
  /** What trying it out in a process of its own took; undefined where that was not done. */
  readonly trial?: TrialFigures | undefined
  readonly memory?: VersionMemory | undefined
  /** How it differs from the version that served when it was checked; undefined on first load. */
  readonly contract?: ContractFinding | undefined
  /** How its answers to recent requests compare with those of the version that served. */
  readonly rehearsal?: RehearsalReport | undefined
  /** Cases of its own `golden.json` that it answered as expected. */
  readonly goldenCases?: number | undefined
  /** What was run alone and together, to the same answers. */
  readonly batchingProof?: BatchingEvidence | undefined
  /** Why its requests must not share batches. */
  readonly batchingObstacle?: string | undefined
}
