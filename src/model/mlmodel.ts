import type { Signature } from './signature.ts'

/** What an engine needs of an MLmodel flavor. */
export type EngineFlavor = {
  readonly engine: 'onnx'
  /** Model file relative to the folder. */
  readonly data: string
  readonly sessionOptions: OnnxSessionOptions
}

/** `onnx_session_options` of the flavor (mlflow/onnx/__init__.py). */
export interface OnnxSessionOptions {
  readonly interOpThreads: number | undefined
  readonly intraOpThreads: number | undefined
  readonly executionMode: 'sequential' | 'parallel' | undefined
  readonly graphOptimizationLevel: 'disabled' | 'basic' | 'extended' | 'all' | undefined
  readonly extraSessionConfig: Readonly<Record<string, string>>
}

/** The MLmodel file of a model folder, as far as serving needs it. */
export interface ModelManifest {
  readonly flavor: EngineFlavor
  readonly signature: Signature | undefined
  readonly modelId: string | undefined
  readonly runId: string | undefined
  readonly mlflowVersion: string | undefined
  readonly createdAt: string | undefined
  /** `serving_input_example.json`, where the file names it: a ready request body. */
  readonly servingInputPath: string | undefined
}
