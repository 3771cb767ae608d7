import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'

/**
 * Runs `work` with a signal that also aborts after `ms` milliseconds; undefined for no limit.
 * @throws ServingError ARTIFACT_UNAVAILABLE naming the variable, when the time is up.
 */
export async function withTimeLimit<T>(
  clock: Clock,
  ms: number | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (ms === undefined) return await work(signal)
  const limit = new AbortController()
  const cancel = clock.after(ms, () => limit.abort(tookTooLong(ms)))
  try {
    return await work(AbortSignal.any([signal, limit.signal]))
  } catch (error) {
    signal.throwIfAborted()
    limit.signal.throwIfAborted()
    throw error
  } finally {
    cancel()
  }
}

function tookTooLong(ms: number): ServingError {
  return new ServingError(
    'ARTIFACT_UNAVAILABLE',
    `A file was not downloaded within ${ms / 1000} s; raise MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT, or check the network`,
  )
}
