import type { Clock } from '../clock.ts'
import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import { ServingError } from '../errors.ts'
import type { EngineOptions, LoadedModel, LoadedModelInfo, ModelLoader } from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import { folderSize } from './folder-size.ts'
import { ModelWorker } from './model-worker.ts'
import { PlacedModel } from './placed-model.ts'
import { type Placement, type PlacementPolicy, type PlacementSnapshot, place } from './placement.ts'
import type { PoolObserver } from './pool-observer.ts'
import type { PreparedThread } from './prepared-thread.ts'
import { movableFor, type WorkerGroup, workerGroup } from './tfjs-placement.ts'
import type { LoadRequest, ModelKey } from './worker-messages.ts'
import { planWorkers, workersWorth } from './worker-plan.ts'
import type { WorkerThread } from './worker-thread.ts'

/** tfjs-node does not give all memory of an ended thread back to the process: its few threads are kept. */
const LASTING: WorkerGroup = 'tfjs-node'

/** Models of one group that live on one worker. */
interface SharedModels {
  readonly group: WorkerGroup
  readonly models: number
}

/** What a model may have of its own. */
export interface ModelWorkerOptions {
  /** Workers a version is placed on; undefined leaves it to {@link planWorkers}. */
  readonly workers: number | undefined
  readonly engine: EngineOptions
}

export interface WorkerPoolOptions extends ModelWorkerOptions {
  readonly codec: CodecOptions
  readonly placement: PlacementPolicy
  /** Cores that the process may use: {@link availableCores}. */
  readonly cores: number
  /** Models that are served now, loaded or not: they share the cores. */
  readonly servedModels: () => number
  /** A run that takes longer has hung and its worker is abandoned; undefined waits for ever. */
  readonly hangTimeoutMs: number | undefined
  /** A load that takes longer has failed, and its worker is abandoned; undefined waits for ever. */
  readonly loadTimeoutMs?: number | undefined
  readonly clock: Clock
  readonly observer: PoolObserver
  /** A thread for the first worker, started ahead. */
  readonly prepared?: PreparedThread | undefined
}

/**
 * Which version lives on which workers. Loading, warm-up and every run happen there, never in this thread.
 *
 * @example
 * const pool = new WorkerPool({ placement: 'auto', workers: 1, cores: availableCores(), ... })
 * const model = await pool.load(folder, parseMlmodel(text), signal)
 * const outputs = await model.run({ x: { dtype: 'float32', shape: [1, 4], data } })
 * await model.unload()
 */
export class WorkerPool implements ModelLoader {
  readonly #options: WorkerPoolOptions
  /** Workers that have not ended, those that are closing included. */
  readonly #workers = new Set<ModelWorker>()
  /** Workers that share, with the number of models on each. */
  readonly #shared = new Map<ModelWorker, SharedModels>()
  /** Threads that were given up and whose run has not ended. */
  readonly #abandoned = new Set<WorkerThread>()
  #models = 0
  #nextKey = 0
  #nextWorker = 0
  #closed = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  load(...what: Parameters<ModelLoader['load']>): Promise<LoadedModel> {
    return this.#load(this.#options, ...what)
  }

  /** A loader into this pool for a model that has options of its own. */
  withOptions(own: Partial<ModelWorkerOptions>): ModelLoader {
    const options = { ...this.#options, ...own }
    return { load: (...what) => this.#load(options, ...what) }
  }

  /**
   * Takes no more models, waits for what runs, and ends every worker.
   * @returns the number of threads that have not ended after `deadlineMs`. A native run goes on in them, and until it
   *   returns nothing but SIGKILL ends the process: `process.exit()` waits for it.
   */
  async close(deadlineMs: number): Promise<number> {
    this.#closed = true
    let cancel = (): void => {}
    const deadline = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(deadlineMs, resolve)
    })
    const closed = Promise.all([
      this.#options.prepared?.close(),
      ...[...this.#workers].map((worker) => this.#close(worker)),
    ])
    await Promise.race([closed, deadline])
    cancel()
    return this.#workers.size + this.#abandoned.size
  }

  async #load(
    options: ModelWorkerOptions,
    ...[folder, manifest, signal, measured]: Parameters<ModelLoader['load']>
  ): Promise<LoadedModel> {
    const bytes = await folderSize(folder)
    signal.throwIfAborted()
    const { codec, placement, cores } = this.#options
    // Workers hold the weights in the memory of the GPU too, and it takes one run after the other.
    const workers = options.workers ?? (options.engine.device === 'cuda' ? 1 : undefined)
    const plan = planWorkers({
      bytes,
      memoryBytes: measured?.memoryBytes,
      cores,
      models: this.#options.servedModels(),
      workers,
      intraOpThreads: options.engine.intraOpThreads ?? ownThreads(manifest),
    })
    const engine = { ...options.engine, chosenIntraOpThreads: plan.intraOpThreads }
    const request = { folder, manifest, engine, codec }
    const group = workerGroup(manifest.flavor, engine)
    const chosen = (policy: PlacementPolicy): Placement =>
      place(policy, this.#snapshot(group), { bytes, workers: workers ?? 1 })
    const wanted = (runMs: number | undefined) => workers ?? workersWorth(plan, runMs)
    try {
      const policy = group === LASTING ? 'shared' : placement
      return await this.#loadOn(chosen(policy), request, wanted, signal)
    } catch (error) {
      const missingKernel = movableFor(error)
      if (missingKernel === undefined || signal.aborted) throw error
      // Fresh workers: what the first ones have taken for the model, their memory keeps.
      const moved = { ...request, engine: { ...engine, tfjsBackend: 'cpu' as const } }
      return await this.#loadOn(chosen('dedicated'), moved, wanted, signal, { missingKernel })
    }
  }

  /** @param wanted workers in all, by the milliseconds of a run on the first; those that share stay as they are. */
  async #loadOn(
    placement: Placement,
    what: Omit<LoadRequest, 'kind' | 'model'>,
    wanted: (runMs: number | undefined) => number,
    signal: AbortSignal,
    why: Pick<LoadedModelInfo, 'missingKernel'> = {},
  ): Promise<LoadedModel> {
    if (this.#closed) throw new ServingError('SHUTTING_DOWN', 'The worker pool is closed')
    const model = this.#nextKey++
    const workers = [...this.#take(placement, workerGroup(what.manifest.flavor, what.engine))]
    const request: LoadRequest = { kind: 'load', model, ...what }
    try {
      const load = (on: readonly ModelWorker[]) =>
        untilAborted(Promise.all(on.map((worker) => worker.load(request, signal))), signal)
      const infos = await load(workers)
      const mayGrow = placement.kind === 'own' && !this.#closed
      const missing = mayGrow ? wanted(infos[0]?.warmupMs) - workers.length : 0
      const more = Array.from({ length: Math.max(0, missing) }, () => this.#newWorker())
      workers.push(...more)
      const info = { ...slowest([...infos, ...(await load(more))]), ...why }
      return new PlacedModel(model, workers, info, () => this.#leave(model, workers))
    } catch (error) {
      const left = this.#leave(model, workers)
      // A load cannot be interrupted: who gave it up does not wait for its end.
      if (signal.aborted) left.catch(() => {})
      else await left
      throw error
    }
  }

  /** Reserves the workers in the tick in which they were chosen. */
  #take(placement: Placement, group: WorkerGroup): readonly ModelWorker[] {
    this.#models += 1
    if (placement.kind === 'own') {
      return Array.from({ length: placement.workers }, () => this.#newWorker())
    }
    const known = new Map([...this.#shared.keys()].map((worker) => [worker.id, worker]))
    return placement.workers.map((id) => {
      const worker = (id === 'new' ? undefined : known.get(id)) ?? this.#newWorker()
      this.#shared.set(worker, { group, models: (this.#shared.get(worker)?.models ?? 0) + 1 })
      return worker
    })
  }

  /** A worker ends with its last model, but for those that last; on one that still shares, the model alone is unloaded. */
  async #leave(model: ModelKey, workers: readonly ModelWorker[]): Promise<void> {
    this.#models -= 1
    await Promise.all(
      workers.map((worker) => {
        const shared = this.#shared.get(worker)
        if (shared !== undefined && (shared.models > 1 || shared.group === LASTING)) {
          this.#shared.set(worker, { ...shared, models: shared.models - 1 })
          return worker.unload(model)
        }
        this.#shared.delete(worker)
        return this.#close(worker)
      }),
    )
  }

  #newWorker(): ModelWorker {
    const { clock, hangTimeoutMs, loadTimeoutMs, observer, prepared } = this.#options
    const thread = { clock, hangTimeoutMs, loadTimeoutMs, abandoned: this.#abandoned, prepared }
    const worker = new ModelWorker(this.#nextWorker++, thread, observer)
    this.#workers.add(worker)
    return worker
  }

  async #close(worker: ModelWorker): Promise<void> {
    await worker.close()
    this.#workers.delete(worker)
  }

  /** Workers are shared by models of one engine: so none pays for two, and the heap of wasm ends with its last model. */
  #snapshot(group: WorkerGroup): PlacementSnapshot {
    return {
      cores: this.#options.cores,
      // Not by order of arrival: of 100 small models no two shall have workers that the others do not have.
      models: Math.max(this.#models, this.#options.servedModels() - 1),
      shared: [...this.#shared]
        .filter(([, shared]) => shared.group === group)
        .map(([{ id }, { models }]) => ({ id, models })),
    }
  }
}

function ownThreads({ flavor }: ModelManifest): number | undefined {
  return flavor.engine === 'onnx' ? flavor.sessionOptions.intraOpThreads : undefined
}

function slowest(infos: readonly LoadedModelInfo[]): LoadedModelInfo {
  return infos.reduce((slow, info) => (info.loadMs > slow.loadMs ? info : slow))
}

/** Rejects with the signal's reason as soon as it is raised; the work goes on. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
