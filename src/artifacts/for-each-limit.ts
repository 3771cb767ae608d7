/**
 * Runs `work` on every item, at most `limit` at once. The first failure aborts the signal the others got;
 * when all have ended it is thrown.
 */
export async function forEachLimit<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController()
  const combined = AbortSignal.any([signal, stop.signal])
  const iterator = items[Symbol.iterator]()
  const failures: unknown[] = []
  const runner = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      if (combined.aborted) return
      try {
        await work(next.value, combined)
      } catch (error) {
        failures.push(error)
        stop.abort(error)
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, runner))
  if (failures.length > 0) throw failures[0]
  signal.throwIfAborted()
}
