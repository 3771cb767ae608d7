import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { taskFile } from './thread-pool.ts'
import type { WorkerReply, WorkerRequest } from './worker-messages.ts'

/** A request on its way to a thread, and who is told how it ended. */
export interface Parcel {
  readonly request: WorkerRequest
  /** Buffers to hand over in place of copying them. */
  readonly transfer: ArrayBuffer[]
  replied(reply: WorkerReply): void
  failed(error: unknown): void
}

/**
 * The way of requests to one thread, which answers them one at a time in their order. Runs go over a port of their own,
 * everything else is a task of Piscina: a task there and back takes 20 us more of a busy thread, and 35 us more of one
 * that was idle. A run waits until the tasks before it have ended, a task until the runs have; runs among themselves
 * queue up in the port.
 */
export class ThreadLine {
  readonly #pool: Piscina
  readonly #port: MessagePort
  /** Sent over the port, in their order. */
  readonly #runs: Parcel[] = []
  #tasks = 0
  readonly #unsent: Parcel[] = []

  constructor(pool: Piscina) {
    this.#pool = pool
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.on('message', (reply: WorkerReply<'run'>) => {
      const run = this.#runs.shift()
      this.#sendWaiting()
      run?.replied(reply)
    })
    // Should it fail, the thread has ended, and whoever watches that tells the requests.
    pool.run({ kind: 'attach', port: port2 }, { transferList: [port2] }).catch(() => {})
  }

  post(parcel: Parcel): void {
    if (this.#unsent.length === 0 && this.#mayGo(parcel)) this.#send(parcel)
    else this.#unsent.push(parcel)
  }

  /** Takes back what has not been sent. */
  takeBack(): readonly Parcel[] {
    return this.#unsent.splice(0)
  }

  close(): void {
    this.#port.close()
  }

  #mayGo({ request }: Parcel): boolean {
    return request.kind === 'run' ? this.#tasks === 0 : this.#runs.length === 0
  }

  #send(parcel: Parcel): void {
    const { request, transfer } = parcel
    if (request.kind === 'run') {
      this.#runs.push(parcel)
      this.#port.postMessage(request, transfer)
      return
    }
    this.#tasks += 1
    this.#pool.run(request, { transferList: transfer, ...taskFunction(request) }).then(
      (reply: WorkerReply) => {
        this.#taskEnded()
        parcel.replied(reply)
      },
      (error: unknown) => {
        this.#taskEnded()
        parcel.failed(error)
      },
    )
  }

  #taskEnded(): void {
    this.#tasks -= 1
    this.#sendWaiting()
  }

  #sendWaiting(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      if (!this.#mayGo(next)) return
      this.#unsent.shift()
      this.#send(next)
    }
  }
}

/** Where the task function of a request is; undefined for that of `worker.ts`. */
function taskFunction(request: WorkerRequest): { filename: string; name: string } | undefined {
  switch (request.kind) {
    case 'load':
      return { filename: taskFile(`${request.manifest.flavor.engine}-worker`), name: 'load' }
    case 'invoke':
      return { filename: taskFile('invoke-worker'), name: 'invoke' }
    default:
      return undefined
  }
}
