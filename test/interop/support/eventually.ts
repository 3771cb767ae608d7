import { setTimeout as delay } from 'node:timers/promises'

/** Asks again every 50 ms until `probe` gives something; fails after `ms` with the last failure. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  ms = 60_000,
): Promise<T> {
  const end = performance.now() + ms
  let last: unknown
  while (performance.now() < end) {
    try {
      const found = await probe()
      if (found !== undefined) return found
      last = undefined
    } catch (error) {
      last = error
    }
    await delay(50)
  }
  throw new Error(`expected ${what} within ${ms} ms`, { cause: last })
}
