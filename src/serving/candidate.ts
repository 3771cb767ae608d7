import type { LoadedModel, ModelVersion } from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'

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

/** What gates found out about a version, for people and for what follows. */
export interface Findings {
  /** Why its requests must not share batches. */
  readonly batchingObstacle?: string | undefined
}
