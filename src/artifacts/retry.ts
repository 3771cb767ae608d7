import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'

/** How often and how soon a broken transfer is taken up again. */
export interface RetryPolicy {
  /** Failures in a row, without a byte between them, that end it. */
  readonly attempts: number
  /** Wait after the first failure; doubles each time, with up to half of it left to chance. */
  readonly firstDelayMs: number
  readonly maxDelayMs: number
}

/** Patience for about a quarter of a minute: a store that restarts does not cost what was downloaded. */
export const DOWNLOAD_RETRIES: RetryPolicy = { attempts: 9, firstDelayMs: 250, maxDelayMs: 4000 }

/** Wait before the attempt that follows `failures` failures in a row, from 1. */
export function retryDelayMs(policy: RetryPolicy, failures: number, random = Math.random): number {
  const full = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (failures - 1))
  return full * (1 - random() / 2)
}

/** Waits; rejects with the signal's reason as soon as it aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    const abort = () => {
      cancel()
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
  })
}

/** Whether a transfer that failed so is worth taking up again at once. */
export function mayPass(error: unknown): boolean {
  return error instanceof ServingError && error.code === 'ARTIFACT_UNAVAILABLE'
}

/** Runs `work` until it succeeds, fails for good, or has failed as often as the policy allows. */
export async function retrying<T>(
  policy: RetryPolicy,
  clock: Clock,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!mayPass(error) || failures >= policy.attempts) throw error
      await pause(clock, retryDelayMs(policy, failures), signal)
    }
  }
}
