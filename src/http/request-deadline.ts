import { ServingError } from '../errors.ts'

/**
 * Milliseconds from the arrival of a request's head in which it is answered: those of the server, or those of the
 * client's `x-request-timeout-ms` where they are fewer.
 * @throws ServingError INVALID_REQUEST where the header is no whole number from 1 up.
 */
export function timeLimitMs(header: string | string[] | undefined, serverMs: number): number {
  if (header === undefined) return serverMs
  const ms = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : 0
  if (ms > 0) return Math.min(ms, serverMs)
  throw new ServingError(
    'INVALID_REQUEST',
    `x-request-timeout-ms: expected a whole number of milliseconds from 1 up, received ${JSON.stringify(String(header).slice(0, 100))}`,
  )
}
