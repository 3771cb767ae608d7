import { LARGE_MODEL_BYTES } from './placement.ts'

/** How a model uses its share of the cores: copies of it that run at once, and threads inside one operator of each. */
export interface WorkerPlan {
  readonly workers: number
  readonly intraOpThreads: number
}

/** A model, and the machine that it shares with others. */
export interface PlanRequest {
  /** Bytes of its files. */
  readonly bytes: number
  /** Bytes of memory that a copy takes, where a trial has measured them. */
  readonly memoryBytes?: number | undefined
  /** Cores that the process may use. */
  readonly cores: number
  /** Models that are served, this one included; versions of one model count once. */
  readonly models: number
  /** Workers that a person asks for. */
  readonly workers: number | undefined
  /** Threads inside one operator that a person, or the model's own options, ask for. */
  readonly intraOpThreads: number | undefined
}

/** Each worker holds the weights. Together they may take this much, before threads inside one run take their place. */
const COPIES_BYTES = 512 * 2 ** 20

/**
 * From this time for one row on, a second worker brings more than it costs. CPU time of a request, in one run on two cores
 * that were busy with other things, and what it allows two cores to answer in terms of one:
 *
 * ```
 *                                   event loop    worker    one worker    with 2 threads    two workers
 * image as JSON, 6 ms a row             2.0 ms   13.5 ms           1.2               1.5            1.9
 * 9.5 MB MLP, 0.1 to 0.4 ms a row        50 us     62 us           1.9               1.9            1.9
 * iris, 7 us a row                       33 us      4 us           1.2                 -            1.2
 * ```
 */
const SLOW_RUN_MS = 1

/**
 * The most that a model may have: its equal share of the cores, so that models together never run more threads than
 * there are cores. Workers first, since nothing is lost to waiting inside an operator and requests that the worker reads
 * are read side by side too; threads for what the copies of a large model leave over. What was asked for stands.
 */
export function planWorkers(request: PlanRequest): WorkerPlan {
  const { bytes, memoryBytes = bytes, cores, models, intraOpThreads: threads } = request
  const share = Math.max(1, Math.floor(cores / Math.max(1, models)))
  const copies = Math.floor(COPIES_BYTES / Math.max(1, bytes, memoryBytes))
  const workers = request.workers ?? fitting(share, Math.min(copies, share / (threads ?? 1)))
  const isSmall = bytes < LARGE_MODEL_BYTES && copies >= share
  const left = isSmall ? 1 : Math.max(1, Math.floor(share / workers))
  return { workers, intraOpThreads: threads ?? left }
}

/** How many of the planned workers are worth their memory, once the model has been run. */
export function workersWorth(plan: WorkerPlan, runMs: number | undefined): number {
  return runMs !== undefined && runMs >= SLOW_RUN_MS ? plan.workers : 1
}

/** The largest number up to `limit`, at least 1, that leaves no core of the share over. */
function fitting(share: number, limit: number): number {
  for (let count = Math.min(share, Math.floor(limit)); count > 1; count -= 1) {
    if (share % count === 0) return count
  }
  return 1
}
