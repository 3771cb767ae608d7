/** One measured line: what was measured and its figures, by names that carry the unit. */
export interface Line {
  readonly subject: string
  readonly figures: Readonly<Record<string, number>>
}

/** What one case found. */
export interface CaseReport {
  readonly name: string
  readonly title: string
  readonly lines: readonly Line[]
  /** The machine when it was measured, where a report holds more than one run. */
  readonly machine?: string
  /** What a reader must know, such as what was left out. */
  readonly notes?: readonly string[]
}

/** A whole run. */
export interface BenchReport {
  readonly machine: string
  readonly load: string
  readonly cases: readonly CaseReport[]
}

/** `1 connection`, `64 connections`. */
export function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
