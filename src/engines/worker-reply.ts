import { ServingError } from '../errors.ts'
import type { WorkerFailure, WorkerReply } from './worker-messages.ts'

type Moving = Pick<typeof import('piscina'), 'move' | 'transferableSymbol' | 'valueSymbol'>

// Piscina is 7 ms to import, which threads that have nothing large to post need not pay.
let piscina: Moving | undefined

/** A reply to post, or Piscina's wrapper around one. */
export type Posted = WorkerReply | object

/** What the work replies, or its failure in a form that passes between threads. */
export async function replyOf(work: () => Promise<Posted>): Promise<Posted> {
  try {
    return await work()
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

/** An error in a form that passes between threads. */
export function failureOf(error: unknown): WorkerFailure {
  const { code, message, details } = ServingError.from(error)
  return { code, message, details }
}

/** A reply whose buffers are handed over instead of copied. */
export async function handOver(
  reply: WorkerReply,
  buffers: readonly ArrayBuffer[],
): Promise<Posted> {
  if (buffers.length === 0) return reply
  piscina ??= await import('piscina')
  return piscina.move({
    [piscina.transferableSymbol]: buffers,
    [piscina.valueSymbol]: reply,
  })
}
