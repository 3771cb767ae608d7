import { type CodecOptions, type ModelContract, wrapperOf } from '../codec/mlflow/invocation.ts'
import { createScoringCodec, type ScoringCodec } from '../codec/mlflow/scoring.ts'
import type { LoadedModelInfo, ModelVersion } from '../interfaces.ts'
import type { ServingMetrics, VersionMetrics } from '../metrics.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import type { ReadRequest } from '../serving/rehearsal/answering.ts'
import { ExchangeRing, type RingLimits } from '../serving/rehearsal/exchange-ring.ts'

/** What answering for one version needs, made once when it is loaded. */
export interface VersionScoring {
  readonly contract: ModelContract
  readonly codec: ScoringCodec
  readonly metrics: VersionMetrics
  /** Recent requests and their answers, for the rehearsal of the next version. */
  readonly exchanges: ExchangeRing
  /** Headers of every answer that the version gives. */
  readonly headers: Readonly<Record<string, string>>
}

/** Makes the {@link VersionScoring} of each version that the manager loads. */
export function createVersionScoring(
  options: CodecOptions,
  metrics: ServingMetrics,
  ringLimitsFor: (modelName: string) => RingLimits,
) {
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
      exchanges: new ExchangeRing(ringLimitsFor(name)),
      headers: {
        'content-type': 'application/json',
        'x-model-name': headerValue(name),
        'x-model-version': headerValue(version),
      },
    }
  }
}

/** Reads a request as a version does for its clients. @throws ServingError as they would hear. */
export async function readRequest(
  { codec }: VersionScoring,
  ...[media, body]: Parameters<ScoringCodec['decode']>
): Promise<ReadRequest> {
  const { feeds, answer } = await codec.decode(media, body)
  return { feeds, write: (outputs) => codec.encode(answer, outputs) }
}

/** Header values are visible ASCII; a name of other characters is percent-encoded. */
function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}
