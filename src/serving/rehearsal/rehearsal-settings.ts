import type { RingLimits } from './exchange-ring.ts'

/** Findings that need not refuse a version. */
export const ALLOWANCES = ['nonfinite', 'shape', 'kind', 'random', 'constant'] as const

export type Allowance = (typeof ALLOWANCES)[number]

/** What a version must show in its rehearsal; undefined where no limit is set. */
export interface RehearsalLimits {
  /** Requests that the serving version answered and the new one may refuse. */
  readonly maxErrors: number
  /** Largest absolute difference of a number. */
  readonly maxDifference: number | undefined
  /** Mean absolute difference of all numbers. */
  readonly maxMeanDifference: number | undefined
  /** Share, from 0 to 1, of labels and of rows' largest numbers (arg-max) that may differ. */
  readonly maxChanged: number | undefined
  /** Times the serving version's run time that the new one's may take; 0 for any. */
  readonly maxLatencyRatio: number
  readonly allow: readonly Allowance[]
}

/** How a model is rehearsed. */
export interface RehearsalSettings extends RingLimits, RehearsalLimits {
  /** Milliseconds after which no further request is tried, and that one request may take. */
  readonly timeoutMs: number
}

export const DEFAULT_REHEARSAL_SETTINGS: RehearsalSettings = {
  requests: 64,
  maxBytes: 16 * 2 ** 20,
  timeoutMs: 30_000,
  maxErrors: 0,
  maxDifference: undefined,
  maxMeanDifference: undefined,
  maxChanged: undefined,
  maxLatencyRatio: 10,
  allow: [],
}
