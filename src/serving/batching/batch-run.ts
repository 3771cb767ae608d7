import { ServingError } from '../../errors.ts'
import type { LoadedModel } from '../../interfaces.ts'
import type { NamedTensors } from '../../model/tensor.ts'
import { byteLength, mergeRows, splitRows } from './batch-merge.ts'
import type { Batch, BatchCloseReason } from './batch-queue.ts'

/** A batch on its worker. */
export interface RunningBatch extends Batch {
  /** Monotonic milliseconds. */
  readonly startedAt: number
}

/** A batch that has come back from its worker. */
export interface BatchReport {
  readonly requests: number
  readonly rows: number
  /** Bytes of input. */
  readonly bytes: number
  readonly reason: BatchCloseReason
  /** Milliseconds the oldest request waited. */
  readonly queueMs: number
  readonly runMs: number
  readonly failed: boolean
}

/** Runs a request as it is, several as one. */
export async function runBatch(
  model: Pick<LoadedModel, 'run'>,
  { requests, layout, rows }: Batch,
): Promise<NamedTensors> {
  const [first, second] = requests
  if (first !== undefined && second === undefined) {
    return first.work === undefined ? model.run(first.feeds) : first.work()
  }
  if (layout === undefined) throw new ServingError('INTERNAL', 'A batch without a layout')
  const parts = requests.map((request) => request.feeds)
  return model.run(mergeRows(layout, parts, rows))
}

/** Answers each request with its rows. */
export function answerBatch({ requests }: Batch, outputs: NamedTensors, runMs: number): void {
  if (requests.length === 1) {
    requests[0]?.answer(outputs, runMs)
    return
  }
  const rows = requests.map((request) => request.rows)
  const parts = splitRows(outputs, rows)
  for (let i = 0; i < parts.length; i += 1) requests[i]?.answer(parts[i] ?? {}, runMs)
}

/** Whether the requests of a batch that failed may each be run alone once more. */
export function mayRunAgain({ requests, isRetry }: Batch, { code }: ServingError): boolean {
  const [first, second] = requests
  if (first === undefined) return false
  // Not after a run that hung: it would hang again, once for each of them.
  if (second !== undefined) return code !== 'DEADLINE_EXCEEDED'
  // A request that was alone fails by itself, unless its worker was lost: then it is given to the next one, but once,
  // since it may be what ended the worker, and only with all its bytes, of which large buffers were handed over.
  const isWhole = first.work === undefined && byteLength(first.feeds) === first.bytes
  return code === 'WORKER_LOST' && !isRetry && isWhole
}

export function reportOf(batch: RunningBatch, runMs: number, failed: boolean): BatchReport {
  const { requests, rows, reason, startedAt } = batch
  const [first] = requests
  return {
    requests: requests.length,
    rows,
    // Requests of one layout have the same bytes a row.
    bytes: first === undefined ? 0 : (first.bytes / Math.max(1, first.rows)) * rows,
    reason,
    queueMs: startedAt - (first?.queuedAt ?? startedAt),
    runMs,
    failed,
  }
}
