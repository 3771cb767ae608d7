import type { MediaType } from '../codec/mlflow/content-type.ts'
import { ServingError } from '../errors.ts'
import type { InvocationAnswer, LoadedModel, LoadedModelInfo } from '../interfaces.ts'
import type { NamedTensors } from '../model/tensor.ts'
import type { ModelWorker } from './model-worker.ts'
import { fromWire } from './wire-tensors.ts'
import type { ModelKey } from './worker-messages.ts'

/** A run that waits for a worker on which no other run of its model is in flight. */
interface WaitingRun {
  start(worker: ModelWorker): void
  reject(error: ServingError): void
}

/**
 * A model on its workers. It has at most one run in flight on each, and a worker takes runs in order of arrival, so
 * models that share a worker take turns. Runs beyond that wait here, first come first served.
 */
export class PlacedModel implements LoadedModel {
  readonly info: LoadedModelInfo
  readonly parallelism: number
  readonly #key: ModelKey
  readonly #free: ModelWorker[]
  readonly #waiting: WaitingRun[] = []
  readonly #leave: () => Promise<void>
  #unloaded = false

  /** `leave` takes the model off its workers. */
  constructor(
    key: ModelKey,
    workers: readonly ModelWorker[],
    info: LoadedModelInfo,
    leave: () => Promise<void>,
  ) {
    this.#key = key
    this.#free = [...workers]
    this.info = info
    this.parallelism = workers.length
    this.#leave = leave
  }

  run(feeds: NamedTensors): Promise<NamedTensors> {
    return this.#submit(async (worker) => fromWire(await worker.run(this.#key, feeds)))
  }

  invoke(media: MediaType, body: Uint8Array): Promise<InvocationAnswer> {
    return this.#submit((worker) => worker.invoke(this.#key, media, body))
  }

  async unload(): Promise<void> {
    if (this.#unloaded) return
    this.#unloaded = true
    for (const { reject } of this.#waiting.splice(0)) reject(unloaded())
    await this.#leave()
  }

  #submit<T>(run: (worker: ModelWorker) => Promise<T>): Promise<T> {
    if (this.#unloaded) return Promise.reject(unloaded())
    const worker = this.#takeFree()
    if (worker !== undefined) return this.#runOn(worker, run)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ start: (free) => resolve(this.#runOn(free, run)), reject })
    })
  }

  /** The free worker on which the least waits, which matters where workers are shared. */
  #takeFree(): ModelWorker | undefined {
    let best = 0
    for (let i = 1; i < this.#free.length; i++) {
      if ((this.#free[i]?.pending ?? 0) < (this.#free[best]?.pending ?? 0)) best = i
    }
    return this.#free.splice(best, 1)[0]
  }

  async #runOn<T>(worker: ModelWorker, run: (worker: ModelWorker) => Promise<T>): Promise<T> {
    try {
      return await run(worker)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free.push(worker)
      else next.start(worker)
    }
  }
}

function unloaded(): ServingError {
  return new ServingError('INTERNAL', 'The model was unloaded')
}
