import { type CodecOptions, type ModelContract, wrapperOf } from '../codec/mlflow/invocation.ts'
import { createScoringCodec, type ScoringCodec } from '../codec/mlflow/scoring.ts'
import type { LoadedModelInfo, ModelVersion } from '../interfaces.ts'
import type { ServingMetrics, VersionMetrics } from '../metrics.ts'
import type { ModelManifest } from '../model/mlmodel.ts'

/** What answering for one version needs, made once when it is loaded. */
export interface VersionScoring {
  readonly contract: ModelContract
  readonly codec: ScoringCodec
  readonly metrics: VersionMetrics
  /** Headers of every answer that the version gives. */
  readonly headers: Readonly<Record<string, string>>
}

/** Makes the {@link VersionScoring} of each version that the manager loads. */
export function createVersionScoring(options: CodecOptions, metrics: ServingMetrics) {
  return (
    manifest: ModelManifest,
    info: LoadedModelInfo,
    { name, version }: ModelVersion,
  ): VersionScoring => {
    const { signature, flavor } = manifest
    const { inputs, outputs } = info
    const contract = { signature, inputs, outputs, wrapper: wrapperOf(flavor) }
    return {
      contract,
      codec: createScoringCodec(contract, options),
      metrics: metrics.version(name, version),
      headers: {
        'content-type': 'application/json',
        'x-model-name': headerValue(name),
        'x-model-version': headerValue(version),
      },
    }
  }
}

/** Header values are visible ASCII; a name of other characters is percent-encoded. */
function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}
