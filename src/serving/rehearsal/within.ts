import type { Clock } from '../../clock.ts'

/** How long work may take, and what ends the wait for it early. */
export interface TimeLimit {
  readonly clock: Clock
  readonly ms: number
  readonly signal: AbortSignal
}

/**
 * Settles as `work` does. Work cannot be stopped, only left alone: after the limit this rejects with what `late`
 * makes, and with the signal's reason when that aborts.
 */
export async function within<T>(
  work: Promise<T>,
  { clock, ms, signal }: TimeLimit,
  late: () => Error,
): Promise<T> {
  let stop = (): void => {}
  const end = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason)
    const cancel = clock.after(ms, () => reject(late()))
    signal.addEventListener('abort', abort)
    stop = () => {
      cancel()
      signal.removeEventListener('abort', abort)
    }
  })
  try {
    signal.throwIfAborted()
    return await Promise.race([work, end])
  } finally {
    stop()
    work.catch(() => {})
  }
}
