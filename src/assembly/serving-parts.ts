import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../clock.ts'
import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import type { ModelFileEntry } from '../config/config-file.ts'
import type { Config } from '../config/read-config.ts'
import { availableCores } from '../engines/cpu-quota.ts'
import type { PreparedThread } from '../engines/prepared-thread.ts'
import { type ModelWorkerOptions, WorkerPool } from '../engines/worker-pool.ts'
import { ServingError } from '../errors.ts'
import { createVersionScoring, type VersionScoring } from '../http/version-scoring.ts'
import type { ArtifactSource, EngineOptions } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'
import { type ModelManifest, parseMlmodel } from '../model/mlmodel.ts'
import { logEvents } from '../observe/event-log.ts'
import { countEvents } from '../observe/event-metrics.ts'
import { observeWorkers } from '../observe/worker-events.ts'
import { ServingEvents } from '../serving/events.ts'
import { ModelManager } from '../serving/model-manager.ts'
import type { ProbationSettings } from '../serving/probation/probation.ts'
import { type BatchSettings, DEFAULT_MANAGER_SETTINGS } from '../serving/settings.ts'
import { createGates } from './gate-parts.ts'
import { ownSettings } from './served-refs.ts'
import { createTrials } from './trial-parts.ts'

export interface ServingInputs {
  readonly config: Config
  readonly artifacts: ArtifactSource
  readonly metrics: ServingMetrics
  readonly clock: Clock
  readonly log: Logger
  /** A worker thread that was started ahead. */
  readonly prepared?: PreparedThread | undefined
}

export interface ServingParts {
  readonly pool: WorkerPool
  readonly models: ModelManager<VersionScoring>
  readonly events: ServingEvents
}

/** Builds the worker pool and the manager above it. */
export function createServing(inputs: ServingInputs): ServingParts {
  const { config, metrics, clock, log } = inputs
  const codec: CodecOptions = {
    strictJson: config.strictJson,
    hideSchemaDetails: config.hideSchemaDetails,
    maxDepth: config.maxJsonDepth,
    maxColumns: config.maxColumns,
    maxRows: config.maxRows,
    // A thread's heap has the same limit, and what is made of the values may take as much again, twice.
    maxMemoryBytes: config.maxBodyMemory ?? Math.floor(getHeapStatistics().heap_size_limit / 4),
  }
  const pool = createPool(inputs, codec, () => models.size)
  const events = new ServingEvents((err) => log.error({ err }, 'an observer failed'))
  logEvents(events, log, clock)
  countEvents(events, metrics)
  const own = ownSettings(config)
  const batchSettingsFor = (model: string): BatchSettings => ({
    maxRows: own(model)?.batchMaxRows ?? config.batchMaxRows,
    maxBytes: config.batchMaxBytes,
    maxDelayMs: own(model)?.batchMaxDelayMs ?? config.batchMaxDelayMs,
    maxQueueRows: own(model)?.queueMaxRows ?? config.queueMaxRows,
    maxQueueBytes: own(model)?.queueMaxBytes ?? config.queueMaxBytes,
  })
  const gates = createGates({
    config,
    own,
    codec,
    batchSettingsFor,
    metrics,
    clock,
    log,
    excuse: (version, ref) => models.excuse(version, ref),
  })
  const models: ModelManager<VersionScoring> = new ModelManager<VersionScoring>({
    clock,
    events,
    artifacts: inputs.artifacts,
    loaderFor: (model) => pool.withOptions(ownWorkers(config, own(model))),
    ...createTrials({ config, own, engine: engineOptions(config), codec, clock }),
    readManifest,
    makeContract: createVersionScoring(codec, metrics, gates.rehearsalFor),
    batchSettingsFor,
    gates: gates.gates,
    settings: {
      ...DEFAULT_MANAGER_SETTINGS,
      drainTimeoutMs: config.drainTimeoutMs,
      memorySwap: config.memorySwap,
    },
    probationFor: (model) => probationSettings(config, own(model)),
  })
  return { pool, models, events }
}

/** What the `--config` file says of a model's workers, over what holds for all. */
function ownWorkers(config: Config, own: ModelFileEntry | undefined): Partial<ModelWorkerOptions> {
  if (own === undefined) return {}
  const engine = {
    ...engineOptions(config),
    intraOpThreads: own.intraOpThreads ?? config.intraOpThreads,
  }
  return { workers: own.workers ?? config.workers, engine }
}

function probationSettings(config: Config, own: ModelFileEntry | undefined): ProbationSettings {
  return {
    durationMs: config.probationMs,
    minRequests: config.probationMinRequests,
    maxErrorRate: config.probationMaxErrorRate,
    maxLatencyRatio: config.probationMaxLatencyRatio,
    latencyFloorMs: config.probationLatencyFloorMs,
    ...own?.probation,
  }
}

function engineOptions(config: Config): EngineOptions {
  const { intraOpThreads, interOpThreads, device, tfjsBackend } = config
  return { intraOpThreads, interOpThreads, device, tfjsBackend }
}

function createPool(inputs: ServingInputs, codec: CodecOptions, servedModels: () => number) {
  const { config, metrics, clock, log, prepared } = inputs
  return new WorkerPool({
    workers: config.workers,
    engine: engineOptions(config),
    codec,
    placement: config.placement,
    cores: availableCores(),
    servedModels,
    // Its request was answered 504 long before: only a run that never ends takes twice the limit.
    hangTimeoutMs: config.requestTimeoutMs * 2,
    loadTimeoutMs: config.loadTimeoutMs,
    clock,
    observer: observeWorkers(metrics, log),
    prepared,
  })
}

async function readManifest(folder: string): Promise<ModelManifest> {
  let text: string
  try {
    text = await readFile(join(folder, 'MLmodel'), 'utf8')
  } catch (cause) {
    throw new ServingError('MODEL_INVALID', 'The model folder has no MLmodel file to read', {
      cause,
    })
  }
  return parseMlmodel(text)
}
