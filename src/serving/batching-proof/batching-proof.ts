import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { type ErrorCode, ServingError } from '../../errors.ts'
import type { LoadedModel } from '../../interfaces.ts'
import type { NamedTensors } from '../../model/tensor.ts'
import {
  type BatchLayout,
  layoutOf,
  mergeRows,
  rowMismatch,
  splitRows,
} from '../batching/batch-merge.ts'
import { addLargestNumbers, rowDifference } from './same-rows.ts'

/** Milliseconds after which no further batch is tried. */
const BUDGET_MS = 5000

const RANDOM = 'the same row is answered differently from run to run'

/** What was run to find out whether requests may share batches. */
export interface BatchingProof {
  readonly rows: number
  /** Rows of the largest batch that was tried. */
  readonly largestBatch: number
  /** Why they may not; undefined where nothing speaks against it. */
  readonly obstacle: string | undefined
}

/** Failures of the process or worker under the model. */
const NOT_THE_ROWS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'WORKER_LOST',
  'DEADLINE_EXCEEDED',
  'TRIAL_FAILED',
  'INSUFFICIENT_MEMORY',
  'INTERNAL',
])

/** A row that a model answers, and its answer. */
interface RowAlone {
  readonly row: NamedTensors
  readonly answer: NamedTensors
}

/**
 * Runs the same rows alone and together, in two orders, and compares the answers beyond rounding. Rows that the model
 * refuses alone prove nothing and are left out; undefined where all are.
 * @throws ServingError of a process or worker that ended, or the signal's reason.
 */
export async function proveBatching(
  model: Pick<LoadedModel, 'run'>,
  rows: readonly NamedTensors[],
  clock: Clock,
  signal: AbortSignal,
): Promise<BatchingProof | undefined> {
  const [first] = rows
  if (first === undefined) return undefined
  const run = runnerOf(model, layoutOf(first), signal)
  const endsAt = clock.monotonic() + BUDGET_MS
  // The batches are what is to be seen: rows alone may have half of the time.
  const alone = await runAlone(run, rows, () => endsAt - clock.monotonic() < BUDGET_MS / 2)
  if (alone.length === 0) return undefined
  for (const { answer } of alone) {
    const obstacle = rowMismatch(answer, 1)
    if (obstacle !== undefined) return { rows: alone.length, largestBatch: 1, obstacle }
  }
  const largest = await largestOf(alone)
  let largestBatch = 1
  for (const batch of batchesOf(alone)) {
    if (clock.monotonic() >= endsAt) break
    const obstacle = await judge(batch, await run(batch.map(({ row }) => row)), largest)
    largestBatch = Math.max(largestBatch, batch.length)
    if (obstacle === undefined) continue
    const random = await isRandom(alone, run, largest)
    return { rows: alone.length, largestBatch, obstacle: random ? RANDOM : obstacle }
  }
  return { rows: alone.length, largestBatch, obstacle: undefined }
}

type Run = (batch: readonly NamedTensors[]) => Promise<NamedTensors | ServingError>

/** Runs rows together; a refusal of the rows is an answer. */
function runnerOf(model: Pick<LoadedModel, 'run'>, layout: BatchLayout, signal: AbortSignal): Run {
  return async (batch) => {
    signal.throwIfAborted()
    try {
      // A copy each time: the buffers of a run are handed over.
      return await model.run(mergeRows(layout, batch, batch.length))
    } catch (error) {
      const failure = ServingError.from(error)
      if (NOT_THE_ROWS.has(failure.code)) throw failure
      return failure
    }
  }
}

/** The rows that the model answers alone, two at least before the time is up. */
async function runAlone(
  run: Run,
  rows: readonly NamedTensors[],
  isLate: () => boolean,
): Promise<readonly RowAlone[]> {
  const alone: RowAlone[] = []
  for (const row of rows) {
    if (alone.length >= 2 && isLate()) break
    const answer = await run([row])
    if (!(answer instanceof ServingError)) alone.push({ row, answer })
  }
  return alone
}

async function largestOf(alone: readonly RowAlone[]): Promise<Readonly<Record<string, number>>> {
  const largest: Record<string, number> = {}
  for (const { answer } of alone) {
    await turn()
    addLargestNumbers(largest, answer)
  }
  return largest
}

/** Whether the model answers the same row differently from run to run, company or not. */
async function isRandom(
  [first]: readonly RowAlone[],
  run: Run,
  largest: Readonly<Record<string, number>>,
): Promise<boolean> {
  if (first === undefined) return false
  const again = await run([first.row])
  if (again instanceof ServingError) return false
  return rowDifference(first.answer, again, largest) !== undefined
}

/** Pairs first, as a slow model may be tried with no more; each in two orders. */
function batchesOf(alone: readonly RowAlone[]): readonly (readonly RowAlone[])[] {
  const [first] = alone
  const several = first !== undefined && alone.length === 1 ? [first, first] : alone
  const pair = several.slice(0, 2)
  const orders = (batch: readonly RowAlone[]) => [batch, batch.toReversed()]
  return several.length > 2 ? [...orders(pair), ...orders(several)] : orders(pair)
}

async function judge(
  batch: readonly RowAlone[],
  outputs: NamedTensors | ServingError,
  largest: Readonly<Record<string, number>>,
): Promise<string | undefined> {
  const count = batch.length
  if (outputs instanceof ServingError) {
    return `${count} rows fail together that run alone: ${outputs.message.slice(0, 300)}`
  }
  const mismatch = rowMismatch(outputs, count)
  if (mismatch !== undefined) return mismatch
  const parts = splitRows(outputs, Array<number>(count).fill(1))
  for (const [i, { answer }] of batch.entries()) {
    // Outputs may be large: live requests go between.
    await turn()
    const difference = rowDifference(answer, parts[i] ?? {}, largest)
    if (difference !== undefined) {
      return `a row is answered otherwise among ${count} than alone: ${difference}`
    }
  }
  return undefined
}
