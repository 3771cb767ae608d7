import type { Clock } from '../clock.ts'
import { readJson } from '../codec/json/reader.ts'
import { writeJson } from '../codec/json/writer.ts'
import { MemoryBudget } from '../codec/memory-budget.ts'
import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import type { ModelFileEntry } from '../config/config-file.ts'
import type { Config } from '../config/read-config.ts'
import { availableCores } from '../engines/cpu-quota.ts'
import { LARGE_MODEL_BYTES } from '../engines/placement.ts'
import { readRequest, type VersionScoring } from '../http/version-scoring.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import { observeRehearsals } from '../observe/rehearsals.ts'
import { createBatchingProofGate } from '../serving/gates/batching-proof.ts'
import { type ContractGateParts, contractGate } from '../serving/gates/contract.ts'
import { createGoldenGate } from '../serving/gates/golden.ts'
import { createRehearsalGate } from '../serving/gates/rehearsal.ts'
import type { Gate } from '../serving/handover/bring-up.ts'
import type { RequestReader } from '../serving/rehearsal/answering.ts'
import type { RehearsalSettings } from '../serving/rehearsal/rehearsal-settings.ts'
import type { BatchSettings } from '../serving/settings.ts'

export interface GateInputs {
  readonly config: Config
  /** What the `--config` file says of a model. */
  readonly own: (modelName: string) => ModelFileEntry | undefined
  readonly codec: CodecOptions
  readonly batchSettingsFor: (modelName: string) => BatchSettings
  readonly metrics: ServingMetrics
  readonly clock: Clock
  readonly log: Logger
  /** Why a version may serve whatever gates find; undefined where the settings decide. */
  readonly excuse: ContractGateParts<VersionScoring>['excuse']
}

/** What a new version must pass before it serves, in order. */
export function createGates(inputs: GateInputs): {
  readonly gates: readonly Gate<VersionScoring>[]
  readonly rehearsalFor: (modelName: string) => RehearsalSettings
} {
  const { config, own, clock, excuse, batchSettingsFor } = inputs
  const settingsFor = (model: string) => rehearsalSettings(config, own(model))
  const reader = requestReader(inputs.codec)
  const rehearsal = createRehearsalGate({
    settingsFor,
    reader,
    clock,
    excuse,
    servingThreads: (name, bytes, manifest) =>
      threadsOf(own(name)?.intraOpThreads ?? config.intraOpThreads, bytes, manifest),
    onReport: observeRehearsals(inputs.metrics, inputs.log),
  })
  const contracts: ContractGateParts<VersionScoring> = {
    contractOf: ({ contract }) => contract,
    acceptedFor: (model) => own(model)?.acceptContract ?? config.acceptContract,
    excuse,
  }
  const gates = [
    contractGate(contracts),
    createGoldenGate({ settingsFor, reader, clock }),
    rehearsal,
    createBatchingProofGate({ batchSettingsFor, reader, clock }),
  ]
  return { gates, rehearsalFor: settingsFor }
}

function rehearsalSettings(config: Config, own: ModelFileEntry | undefined): RehearsalSettings {
  return {
    requests: config.rehearsalRequests,
    maxBytes: config.rehearsalMaxBytes,
    timeoutMs: config.rehearsalTimeoutMs,
    maxErrors: config.rehearsalMaxErrors,
    maxDifference: config.rehearsalMaxDifference,
    maxMeanDifference: config.rehearsalMaxMeanDifference,
    maxChanged: config.rehearsalMaxChanged,
    maxLatencyRatio: config.rehearsalMaxLatencyRatio,
    allow: config.rehearsalAllow,
    ...own?.rehearsal,
  }
}

function requestReader({ maxDepth, maxMemoryBytes }: CodecOptions): RequestReader<VersionScoring> {
  return {
    exchangesOf: ({ exchanges }) => exchanges,
    read: readRequest,
    parse: (json) => readJson(json, { maxDepth, budget: new MemoryBudget(maxMemoryBytes) }),
    write: (value) => new TextEncoder().encode(writeJson(value, { strict: false })),
  }
}

/** Threads that one run of a version may take, at most: those asked for, else what a large model is given. */
function threadsOf(asked: number | undefined, bytes: number, { flavor }: ModelManifest): number {
  const own = flavor.engine === 'onnx' ? flavor.sessionOptions.intraOpThreads : undefined
  return asked ?? own ?? (bytes < LARGE_MODEL_BYTES ? 1 : availableCores())
}
