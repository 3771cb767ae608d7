import { Piscina } from 'piscina'
import { ServingError } from '../errors.ts'
import type { WorkerAnswers, WorkerReply, WorkerRequest } from './worker-messages.ts'

const runningFromSource = import.meta.url.endsWith('.ts')
const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)
const workerEntry = new URL(runningFromSource ? './worker.ts' : './worker.js', import.meta.url).href

type Kind = WorkerRequest['kind']
type RequestOf<K extends Kind> = Extract<WorkerRequest, { kind: K }>

interface Job {
  readonly kind: Kind
  readonly resolve: (reply: WorkerReply) => void
  readonly reject: (error: ServingError) => void
}

/**
 * One thread: a Piscina pool of one, which answers requests one at a time in the order they were posted.
 * A thread is never mended: once lost or abandoned, every request of it has failed and it takes no more.
 */
export class WorkerThread {
  readonly #pool: Piscina
  readonly #jobs = new Set<Job>()
  readonly #onLost: (reason: string) => void
  #ended = false

  /** `onLost` is called once if the thread ends by itself, after its requests have failed. */
  constructor(onLost: (reason: string) => void) {
    this.#onLost = onLost
    this.#pool = new Piscina({
      filename: workerEntry,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      execArgv: runningFromSource && !stripsTypes ? ['--import', 'tsx'] : [],
    })
    // Without a listener, an error of an idle thread would end the process.
    this.#pool.on('error', (error: Error) => this.#lost(error.message))
    for (const thread of this.#pool.threads) {
      thread.once('error', (error: Error) => this.#lost(error.message))
      thread.once('exit', (code: number) => this.#lost(`it exited with code ${code}`))
    }
  }

  /** @throws ServingError of the worker, or WORKER_LOST when the thread ended first. */
  async post<K extends Kind>(
    request: RequestOf<K>,
    transfer: ArrayBuffer[] = [],
  ): Promise<WorkerAnswers[K]> {
    const reply = await this.#post(request, transfer)
    if ('failure' in reply) {
      const { code, message, details } = reply.failure
      throw new ServingError(code, message, { details })
    }
    return reply.answer as WorkerAnswers[K]
  }

  /** Waits for what was posted, then ends the thread. */
  async close(): Promise<void> {
    this.#ended = true
    await this.#pool.close()
  }

  #post(request: WorkerRequest, transfer: ArrayBuffer[]): Promise<WorkerReply> {
    if (this.#ended) return Promise.reject(workerLost('it was closed'))
    return new Promise((resolve, reject) => {
      const job: Job = { kind: request.kind, resolve, reject }
      this.#jobs.add(job)
      this.#pool
        .run(request, { transferList: transfer })
        .then(resolve, (error: unknown) => reject(ServingError.from(error)))
        .finally(() => this.#jobs.delete(job))
    })
  }

  #lost(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    for (const job of this.#jobs) job.reject(workerLost(reason))
    this.#jobs.clear()
    // Piscina has started another thread in its place, which knows no models.
    void this.#pool.destroy()
    this.#onLost(reason)
  }
}

function workerLost(reason: string): ServingError {
  return new ServingError('WORKER_LOST', `The worker of this model was lost: ${reason}`)
}
