import type { Worker } from 'node:worker_threads'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import type { ThreadEnd } from '../../../src/engines/pool-observer.ts'
import { WorkerPool, type WorkerPoolOptions } from '../../../src/engines/worker-pool.ts'
import type { LoadedModel } from '../../../src/interfaces.ts'
import type { Tensor } from '../../../src/model/tensor.ts'
import { CODEC, CPU, fixture, manifestOf } from './models.ts'

/** What a pool told its observer, and the threads it started. */
export interface Witness {
  started: number
  readonly ended: { readonly end: ThreadEnd; readonly message: string }[]
  readonly restored: { readonly restored: number; readonly failed: number }[]
  readonly threads: Worker[]
}

/** A pool that is closed at the end of the test, and what can be seen of it from outside. */
export function openPool(options: Partial<WorkerPoolOptions> = {}): {
  pool: WorkerPool
  witness: Witness
} {
  const witness: Witness = { started: 0, ended: [], restored: [], threads: [] }
  const seen = (thread: Worker): void => void witness.threads.push(thread)
  process.on('worker', seen)
  const pool = new WorkerPool({
    engine: CPU,
    codec: CODEC,
    placement: 'auto',
    workers: 1,
    cores: 2,
    servedModels: () => 1,
    hangTimeoutMs: undefined,
    clock: systemClock,
    observer: {
      workerStarted: () => void witness.started++,
      workerEnded: (end, message) => void witness.ended.push({ end, message }),
      modelsRestored: (restored, failed) => void witness.restored.push({ restored, failed }),
    },
    ...options,
  })
  onTestFinished(async () => {
    process.off('worker', seen)
    await pool.close(10_000)
  })
  return { pool, witness }
}

/** Loads a folder of `test/fixtures/models`. */
export function loadFixture(
  pool: Pick<WorkerPool, 'load'>,
  name: string,
  signal = new AbortController().signal,
): Promise<LoadedModel> {
  const folder = fixture(name)
  return pool.load(folder, manifestOf(folder), signal)
}

/** A batch for `affine-1`, `affine-2` and `no-signature`. */
export function rows(...values: readonly (readonly number[])[]): { x: Tensor } {
  const data = Float32Array.from(values.flat())
  return { x: { dtype: 'float32', shape: [values.length, 4], data } }
}

/** A batch of one for `slow`: it runs for about a microsecond a count. */
export function count(to: number): { count: Tensor } {
  return { count: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(to)) } }
}
