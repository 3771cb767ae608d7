import { ServingError } from '../../errors.ts'

/** Cells that a frame may have beyond those that the body holds. */
const MOST_FILLED_CELLS = 1_000_000

/**
 * Refuses a frame that is mostly made up: pandas fills short rows, missing keys and repeated values, so that a body of some
 * kilobytes could ask for gigabytes.
 * @throws ServingError INVALID_REQUEST naming both sizes.
 */
export function refuseFilledFrame(rows: number, columns: number, given: number): void {
  const filled = rows * columns - given
  if (filled <= MOST_FILLED_CELLS) return
  throw new ServingError(
    'INVALID_REQUEST',
    `Expected at most ${MOST_FILLED_CELLS} cells of the data frame to be filled in, got ${filled}: it has ${rows} rows and ${columns} columns, and the request holds ${given} values`,
  )
}
