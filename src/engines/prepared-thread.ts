import type { Piscina } from 'piscina'
import { createThreadPool, taskFile } from './thread-pool.ts'

/**
 * A thread that starts, and loads ONNX Runtime, before there is a model for it. The first worker takes it over. Started
 * while the main thread still imports the server, it takes the 90 ms of its own start out of the time to the first answer.
 */
export class PreparedThread {
  #pool: Piscina | undefined

  constructor() {
    const pool = createThreadPool()
    this.#pool = pool
    // A thread that cannot be started is told of by the first load, on one of its own.
    const drop = () => {
      if (this.#pool === pool) void this.close()
    }
    pool.on('error', drop)
    pool.run(undefined, { filename: taskFile('onnx-worker'), name: 'prepare' }).catch(drop)
  }

  /** The thread, once. */
  take(): Piscina | undefined {
    const pool = this.#pool
    this.#pool = undefined
    return pool
  }

  /** Ends the thread if nobody took it. */
  async close(): Promise<void> {
    await this.take()?.destroy()
  }
}
