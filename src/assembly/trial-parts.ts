import type { Clock } from '../clock.ts'
import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import { childEnvironment } from '../config/child-environment.ts'
import type { ModelFileEntry } from '../config/config-file.ts'
import type { Config } from '../config/read-config.ts'
import { memoryRoom } from '../engines/memory-room.ts'
import { createTrialLoader } from '../engines/trial/trial-loader.ts'
import type { TrialMemoryLimit } from '../engines/trial/trial-process.ts'
import type { EngineOptions, MemoryRoom, TrialLoader } from '../interfaces.ts'
import { standbyFits, takableBytes } from '../serving/memory.ts'

/** Node.js and ONNX Runtime take 60 MiB of it. A container that has less left cannot hold a process more. */
const LEAST_FOR_PROCESS = 96 * 2 ** 20

export interface TrialInputs {
  readonly config: Config
  /** What the `--config` file says of a model. */
  readonly own: (modelName: string) => Pick<ModelFileEntry, 'trial'> | undefined
  readonly engine: EngineOptions
  readonly codec: CodecOptions
  readonly clock: Clock
}

/** What decides where a version is tried out first, and whether it fits. */
export interface TrialParts {
  readonly trialFor: (model: string, replaces: boolean) => TrialLoader | undefined
  readonly memoryRoom: () => MemoryRoom | undefined
  readonly standbyFits: (bytes: number | undefined) => boolean
}

export function createTrials({ config, own, engine, codec, clock }: TrialInputs): TrialParts {
  const { trialTimeoutMs, trialMemoryBytes, memorySwap } = config
  const room = () => (memorySwap === 'off' ? undefined : memoryRoom())
  const memoryLimit = (): TrialMemoryLimit | undefined => {
    const left = room()
    const takable = left === undefined ? Number.POSITIVE_INFINITY : takableBytes(left)
    if (trialMemoryBytes !== undefined && trialMemoryBytes <= takable) {
      return { bytes: trialMemoryBytes, code: 'TRIAL_FAILED' }
    }
    return left && { bytes: takable, code: 'INSUFFICIENT_MEMORY' }
  }
  const environment = childEnvironment()
  const timeoutMs = trialTimeoutMs
  const loader = createTrialLoader({ engine, codec, clock, timeoutMs, memoryLimit, environment })
  const isWanted = (model: string, replaces: boolean): boolean => {
    const trial = own(model)?.trial ?? config.trial
    if (trial !== 'auto') return trial === 'always'
    const left = room()
    return replaces && (left === undefined || takableBytes(left) >= LEAST_FOR_PROCESS)
  }
  return {
    trialFor: (model, replaces) => (isWanted(model, replaces) ? loader : undefined),
    memoryRoom: room,
    // Whatever the policy is, no version that has been replaced is worth running out of memory.
    standbyFits: (bytes) => standbyFits(bytes, memoryRoom()),
  }
}
