/** A serving run shorter than this counts as this: between shorter ones the hop to another thread decides. Milliseconds. */
export const FLOOR_MS = 1

/** Times that the run of a new version takes of the serving one's; undefined where nothing was measured. */
export function latencyRatio(
  runMs: readonly number[],
  servingRunMs: readonly number[],
): number | undefined {
  if (runMs.length === 0 || servingRunMs.length === 0) return undefined
  return median(runMs) / Math.max(FLOOR_MS, median(servingRunMs))
}

/** The middle one, the lower of two; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}
