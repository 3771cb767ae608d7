import type { MediaType } from '../../codec/mlflow/content-type.ts'
import type { CodecOptions } from '../../codec/mlflow/invocation.ts'
import type {
  EngineOptions,
  InvocationAnswer,
  LoadedModelInfo,
  TrialFigures,
  TrialLoader,
  TrialModel,
} from '../../interfaces.ts'
import type { ModelManifest } from '../../model/mlmodel.ts'
import type { NamedTensors } from '../../model/tensor.ts'
import { movableFor } from '../tfjs-placement.ts'
import { warmUp } from '../warm-up.ts'
import { fromWire, toWire } from '../wire-tensors.ts'
import type { LoadRequest } from '../worker-messages.ts'
import { TrialProcess, type TrialProcessOptions } from './trial-process.ts'

/** A process has one model. */
const MODEL = 0

export interface TrialOptions extends TrialProcessOptions {
  readonly engine: EngineOptions
  readonly codec: CodecOptions
}

/**
 * Loads models into a process of their own, one each, at the lowest priority and with one thread: a version that ends,
 * hangs or fills its process does so where nobody is served.
 */
export function createTrialLoader(options: TrialOptions): TrialLoader {
  return { load: (folder, manifest, signal) => load(options, folder, manifest, signal) }
}

async function load(
  options: TrialOptions,
  folder: string,
  manifest: ModelManifest,
  signal: AbortSignal,
  missingKernel?: string,
): Promise<TrialModel> {
  const engine = { ...options.engine, intraOpThreads: 1, interOpThreads: 1 }
  const { codec } = options
  const request: LoadRequest = { kind: 'load', model: MODEL, folder, manifest, engine, codec }
  signal.throwIfAborted()
  const trial = new TrialProcess(options, signal)
  try {
    const info = await trial.post<'load'>(request)
    const warmupMs = await warmUp(request, info, {
      run: (feeds) => run(trial, feeds),
      invoke: (media, body) => invoke(trial, media, body),
    })
    return new LoadedTrial(trial, { ...info, warmupMs, missingKernel })
  } catch (error) {
    await trial.end()
    const missing = movableFor(error)
    if (missing === undefined || signal.aborted) throw trial.failure ?? error
    // As the workers do: on a backend that has every kernel.
    const moved = { ...options, engine: { ...options.engine, tfjsBackend: 'cpu' as const } }
    return load(moved, folder, manifest, signal, missing)
  }
}

async function run(trial: TrialProcess, feeds: NamedTensors): Promise<NamedTensors> {
  return fromWire(await trial.post<'run'>({ kind: 'run', model: MODEL, feeds: toWire(feeds) }))
}

function invoke(
  trial: TrialProcess,
  media: MediaType,
  body: Uint8Array,
): Promise<InvocationAnswer> {
  return trial.post<'invoke'>({ kind: 'invoke', model: MODEL, media, body })
}

class LoadedTrial implements TrialModel {
  readonly info: LoadedModelInfo
  readonly parallelism = 1
  readonly #trial: TrialProcess

  constructor(trial: TrialProcess, info: LoadedModelInfo) {
    this.#trial = trial
    this.info = info
  }

  get cpuMs(): number | undefined {
    return this.#trial.cpuMs
  }

  run(feeds: NamedTensors): Promise<NamedTensors> {
    return run(this.#trial, feeds)
  }

  invoke(media: MediaType, body: Uint8Array): Promise<InvocationAnswer> {
    return invoke(this.#trial, media, body)
  }

  figures(): TrialFigures {
    const { failure, fastestRunMs, growth, totalMs } = this.#trial
    if (failure !== undefined) throw failure
    return {
      loadMs: this.info.loadMs,
      runMs: fastestRunMs ?? this.info.warmupMs,
      memoryBytes: growth?.bytes,
      peakMemoryBytes: growth?.peakBytes,
      totalMs,
    }
  }

  unload(): Promise<void> {
    return this.#trial.end()
  }
}
