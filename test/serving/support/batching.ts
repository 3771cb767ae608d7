import { ServingError } from '../../../src/errors.ts'
import type { BatchReport } from '../../../src/serving/batching/batch-run.ts'
import { Batcher } from '../../../src/serving/batching/batcher.ts'
import { type BatchSettings, DEFAULT_BATCH_SETTINGS } from '../../../src/serving/settings.ts'
import { ManualClock } from '../../manual-clock.ts'
import { RowModel, type RowModelOptions } from './row-model.ts'

export interface Setup {
  readonly model: RowModel
  readonly batcher: Batcher
  readonly clock: ManualClock
  readonly reports: BatchReport[]
}

export function setUp(settings: Partial<BatchSettings> = {}, options: RowModelOptions = {}): Setup {
  const model = new RowModel(options)
  const clock = new ManualClock()
  const reports: BatchReport[] = []
  const batcher = new Batcher({
    model,
    settings: { ...DEFAULT_BATCH_SETTINGS, ...settings },
    clock,
    observer: (report) => reports.push(report),
  })
  return { model, batcher, clock, reports }
}

/** The end of the event loop's turn, when batches form. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
    return 'answered'
  } catch (error) {
    return ServingError.from(error).code
  }
}
