import type { LoadName } from '../load/load.ts'
import type { BenchModels } from '../models/bench-models.ts'
import type { CaseReport } from '../report/report.ts'

/** What every case is given. */
export interface BenchContext {
  readonly models: BenchModels
  readonly load: LoadName
  /** Seconds of one measurement. */
  readonly seconds: number
  /** Times each is repeated, interleaved. */
  readonly rounds: number
  /** Connection counts to measure at; a case has its own where this is undefined. */
  readonly connections: readonly number[] | undefined
  readonly rows: readonly number[] | undefined
  /** Servers to measure; all of a case's where undefined. */
  readonly targets: readonly string[] | undefined
  /** Folder of the rig that starts other model servers. */
  readonly peers: string | undefined
  /** Which of its models and servers; its own choice where undefined. */
  readonly peerModel: string
  readonly peerNames: string | undefined
  progress(text: string): void
}

export interface Case {
  readonly name: string
  readonly about: string
  run(context: BenchContext): Promise<readonly CaseReport[]>
}
