import { LARGE_MODEL_BYTES } from './placement.ts'

/** Beyond this the operators of models that fit a CPU gain little, and what else runs in the process loses. */
const MAX_THREADS = 4

/** Where a model is to run. */
export interface ThreadBudget {
  /** Bytes of its files. */
  readonly bytes: number
  /** Cores that the process may use. */
  readonly cores: number
  /** Workers that will run it at once. */
  readonly workers: number
}

/**
 * Threads inside one operator where neither a flag nor the model's own options say. A small model takes less time than
 * waking a second thread does. A large one is held in memory once for each worker, so that its share of the cores is
 * rather used inside one run than by more workers.
 */
export function chooseIntraOpThreads({ bytes, cores, workers }: ThreadBudget): number {
  if (bytes < LARGE_MODEL_BYTES) return 1
  return Math.max(1, Math.min(MAX_THREADS, Math.floor(cores / workers)))
}
