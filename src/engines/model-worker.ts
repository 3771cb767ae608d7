import type { MediaType } from '../codec/mlflow/content-type.ts'
import { ServingError } from '../errors.ts'
import type { InvocationAnswer, LoadedModelInfo } from '../interfaces.ts'
import type { NamedTensors } from '../model/tensor.ts'
import type { PoolObserver, ThreadEnd } from './pool-observer.ts'
import { ownedBuffers, transferList } from './transfer-list.ts'
import { warmUp } from './warm-up.ts'
import { toWire, type WireTensors } from './wire-tensors.ts'
import type { LoadRequest, ModelKey } from './worker-messages.ts'
import { type ThreadOptions, WorkerThread } from './worker-thread.ts'

/** A model that makes its thread exit each time it is loaded must not do so for ever. */
const MAX_LOSSES_IN_A_ROW = 3

/**
 * A worker and the models that live on it. When its thread is lost, a new one is started and the models are loaded
 * there again; runs that come meanwhile wait for that.
 */
export class ModelWorker {
  readonly id: number
  readonly #options: ThreadOptions
  readonly #observer: PoolObserver
  readonly #models = new Map<ModelKey, LoadRequest>()
  /** Models that the new thread could not load, with the reason. */
  readonly #missing = new Map<ModelKey, ServingError>()
  #thread: WorkerThread
  #lossesInARow = 0
  #closing: Promise<void> | undefined

  constructor(id: number, options: ThreadOptions, observer: PoolObserver) {
    this.id = id
    this.#options = options
    this.#observer = observer
    this.#thread = this.#newThread()
  }

  /** Requests that wait or run. */
  get pending(): number {
    return this.#thread.pending
  }

  /**
   * Loads the model and warms it up.
   * @throws what the signal says when it was raised meanwhile; the model is to be unloaded all the same.
   */
  async load(request: LoadRequest, signal: AbortSignal): Promise<LoadedModelInfo> {
    const info = await this.#thread.post<'load'>(request)
    const { model } = request
    const warmupMs = await warmUp(request, info, {
      run: (feeds) => this.run(model, feeds),
      invoke: (media, body) => this.invoke(model, media, body),
    })
    signal.throwIfAborted()
    this.#models.set(model, request)
    return { ...info, warmupMs }
  }

  /** Runs after what was posted before, of any model. */
  run(model: ModelKey, feeds: NamedTensors): Promise<WireTensors> {
    const missing = this.#missing.get(model)
    if (missing !== undefined) return Promise.reject(missing)
    return this.#thread.post<'run'>(
      { kind: 'run', model, feeds: toWire(feeds) },
      transferList(feeds),
    )
  }

  /** As {@link run}, for a request that has not been read. */
  invoke(model: ModelKey, media: MediaType, body: Uint8Array): Promise<InvocationAnswer> {
    const missing = this.#missing.get(model)
    if (missing !== undefined) return Promise.reject(missing)
    const owned = ownedBuffers(body)
    return this.#thread.post<'invoke'>(
      { kind: 'invoke', model, media, body: owned.length > 0 ? body : new Uint8Array(body) },
      owned,
    )
  }

  async unload(model: ModelKey): Promise<void> {
    this.#models.delete(model)
    if (this.#missing.delete(model)) return
    try {
      await this.#thread.post<'unload'>({ kind: 'unload', model })
    } catch (error) {
      // The memory of a lost thread is given back already.
      if (!(error instanceof ServingError && error.code === 'WORKER_LOST')) throw error
    }
  }

  /** Waits for what was posted, then ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#thread.close()
    return this.#closing
  }

  #newThread(): WorkerThread {
    return new WorkerThread(this.#options, {
      started: () => this.#observer.workerStarted?.(),
      ended: (end, message) => this.#ended(end, message),
    })
  }

  #ended(end: ThreadEnd, message: string): void {
    this.#observer.workerEnded?.(end, message)
    if (this.#closing !== undefined) return
    this.#lossesInARow = this.#thread.hasRun ? 1 : this.#lossesInARow + 1
    this.#thread = this.#newThread()
    void this.#restore(message)
  }

  /** Posts every load in this tick, so that they stand before any run that follows; the runs warm them up. */
  async #restore(message: string): Promise<void> {
    if (this.#models.size === 0) return
    const thread = this.#thread
    const restored = await Promise.all(
      [...this.#models.values()].map((request) => this.#reload(request, message)),
    )
    // Lost again meanwhile: the next attempt tells how it ends.
    if (thread !== this.#thread) return
    const count = restored.filter(Boolean).length
    this.#observer.modelsRestored?.(count, restored.length - count)
  }

  async #reload(request: LoadRequest, message: string): Promise<boolean> {
    const thread = this.#thread
    try {
      if (this.#lossesInARow > MAX_LOSSES_IN_A_ROW) {
        throw new ServingError('WORKER_LOST', `${this.#lossesInARow} times in a row: ${message}`)
      }
      await thread.post<'load'>(request)
      return true
    } catch (error) {
      // A thread that was lost meanwhile has been replaced, and the model is being loaded there.
      const wanted = thread === this.#thread && this.#models.has(request.model)
      if (wanted) this.#missing.set(request.model, lostForGood(error))
      return false
    }
  }
}

function lostForGood(error: unknown): ServingError {
  const reason = ServingError.from(error).message
  return new ServingError('WORKER_LOST', `The worker of this model was lost for good: ${reason}`)
}
