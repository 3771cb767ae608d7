import { ServingError } from '../../errors.ts'
import type { Invocation } from './invocation.ts'

/**
 * Refuses a request of very many rows: the longest leading dimension of its tensors.
 * @throws ServingError TOO_MANY_ROWS.
 */
export function refuseLong(invocation: Invocation, maxRows: number): Invocation {
  const { feeds } = invocation
  for (const name in feeds) {
    const rows = feeds[name]?.shape[0] ?? 0
    if (rows > maxRows) throw tooManyRows(rows, maxRows)
  }
  return invocation
}

function tooManyRows(rows: number, maxRows: number): ServingError {
  return new ServingError(
    'TOO_MANY_ROWS',
    `Expected at most ${maxRows} rows, received ${rows}; the limit is --max-rows (BATON_MAX_ROWS)`,
  )
}
