import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import type { EngineOptions, LoadedModel, ModelLoader } from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import { transferList } from './transfer-list.ts'
import { WorkerThread } from './worker-thread.ts'

export interface WorkerPoolOptions {
  readonly engine: EngineOptions
  readonly codec: CodecOptions
}

/** Puts models on worker threads. */
export class WorkerPool implements ModelLoader {
  readonly #options: WorkerPoolOptions
  readonly #threads = new Set<WorkerThread>()
  #nextKey = 0

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  async load(folder: string, manifest: ModelManifest, signal: AbortSignal): Promise<LoadedModel> {
    signal.throwIfAborted()
    const key = this.#nextKey++
    const thread = new WorkerThread(() => this.#threads.delete(thread))
    this.#threads.add(thread)
    const { engine, codec } = this.#options
    const info = await thread
      .post<'load'>({ kind: 'load', model: key, folder, manifest, engine, codec })
      .catch(async (error: unknown) => {
        await this.#close(thread)
        throw error
      })
    return {
      info,
      parallelism: 1,
      run: (feeds) => thread.post<'run'>({ kind: 'run', model: key, feeds }, transferList(feeds)),
      unload: async () => {
        await thread.post<'unload'>({ kind: 'unload', model: key })
        await this.#close(thread)
      },
    }
  }

  /** Ends every thread once it has answered what it was asked. */
  async close(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => this.#close(thread)))
  }

  async #close(thread: WorkerThread): Promise<void> {
    this.#threads.delete(thread)
    await thread.close()
  }
}
