import type { AnswerDifference } from './compare-answers.ts'
import type { Allowance, RehearsalLimits } from './rehearsal-settings.ts'
import { FLOOR_MS } from './run-time.ts'

/** What a rehearsal measured. Times are in milliseconds. */
export interface RehearsalReport {
  /** Version whose answers were compared with. */
  readonly against: string
  /** Recent live requests, or the input example of the new version where there were none. */
  readonly source: 'traffic' | 'example'
  /** Requests tried, those refused included. */
  readonly requests: number
  /** Requests that the serving version answered and the new one refused. */
  readonly errors: number
  /** What the first of them heard. */
  readonly firstError: string | undefined
  /** Numbers that were finite and are NaN or infinite now. */
  readonly nonFinite: number
  /** The first change of nesting, length or names. */
  readonly shape: string | undefined
  /** The first value of another kind. */
  readonly kind: string | undefined
  /** A name that the answers did not have before. */
  readonly added: string | undefined
  /** Floats compared. */
  readonly numbers: number
  readonly largestDifference: number
  readonly meanDifference: number
  /** Labels, and rows of several floats, compared. */
  readonly decisions: number
  /** Share of them that changed, from 0 to 1. */
  readonly changed: number
  /** Median run time of the new version and of the serving one; of the latter times its threads where the former had one. */
  readonly runMs: number
  readonly servingRunMs: number
  /** Times the serving version's run time; undefined where both are too short to tell. */
  readonly latencyRatio: number | undefined
  /** The new version answers the same request differently, and the serving one does not. */
  readonly random: boolean
  /** The new version answers everything alike, and the serving one did not. */
  readonly constant: boolean
  /** All of the rehearsal. */
  readonly durationMs: number
}

/** Sums up how the answers of two versions differ. */
export class DifferenceTally {
  shape: string | undefined
  kind: string | undefined
  added: string | undefined
  nonFinite = 0
  numbers = 0
  largest = 0
  decisions = 0
  #sum = 0
  #changed = 0

  add(difference: AnswerDifference): void {
    this.shape ??= difference.shape
    this.kind ??= difference.kind
    this.added ??= difference.added
    this.nonFinite += difference.nonFinite
    this.numbers += difference.numbers
    this.largest = Math.max(this.largest, difference.largest)
    this.decisions += difference.decisions
    this.#sum += difference.sum
    this.#changed += difference.changed
  }

  get mean(): number {
    return this.numbers === 0 ? 0 : this.#sum / this.numbers
  }

  get changed(): number {
    return this.decisions === 0 ? 0 : this.#changed / this.decisions
  }
}

/** Every limit that a version has not kept, with its numbers; empty where it may serve. */
export function complaints(report: RehearsalReport, limits: RehearsalLimits): readonly string[] {
  const nonFinite = report.nonFinite > 0 && !allows(limits, 'nonfinite')
  const found: (string | undefined)[] = [
    report.errors > limits.maxErrors
      ? `${report.errors} of ${report.requests} requests were refused (limit ${limits.maxErrors}), the first with: ${report.firstError}`
      : undefined,
    nonFinite ? `${report.nonFinite} numbers are NaN or infinite that were not` : undefined,
    report.shape !== undefined && !allows(limits, 'shape')
      ? `the shape of answers changed: ${report.shape}`
      : undefined,
    report.kind !== undefined && !allows(limits, 'kind')
      ? `the kind of values changed: ${report.kind}`
      : undefined,
    report.random && !allows(limits, 'random')
      ? 'the same request sent twice was answered differently'
      : undefined,
    report.constant && !nonFinite && !allows(limits, 'constant')
      ? 'different requests were all answered alike'
      : undefined,
    beyond('the largest difference', report.largestDifference, limits.maxDifference),
    beyond('the mean difference', report.meanDifference, limits.maxMeanDifference),
    beyond('the share of changed decisions', report.changed, limits.maxChanged),
    tooSlow(report, limits),
  ]
  return found.filter((complaint) => complaint !== undefined)
}

function allows({ allow }: RehearsalLimits, what: Allowance): boolean {
  return allow.includes(what)
}

function beyond(what: string, measured: number, limit: number | undefined): string | undefined {
  if (limit === undefined || measured <= limit) return undefined
  return `${what} is ${short(measured)} (limit ${limit})`
}

function tooSlow(
  { runMs, servingRunMs, latencyRatio }: RehearsalReport,
  { maxLatencyRatio }: RehearsalLimits,
): string | undefined {
  if (maxLatencyRatio === 0 || latencyRatio === undefined) return undefined
  if (latencyRatio <= maxLatencyRatio) return undefined
  const counted = servingRunMs < FLOOR_MS ? `, which count as ${FLOOR_MS}` : ''
  return `a run takes ${short(runMs)} ms, ${short(latencyRatio)} times the ${short(servingRunMs)} ms of before${counted} (limit ${maxLatencyRatio} times)`
}

/** Three digits, for people. */
function short(number: number): string {
  return String(Number(number.toPrecision(3)))
}

/** A report in one line, for the log and for people. */
export function summary(report: RehearsalReport): string {
  const { requests, against, source, errors, largestDifference, meanDifference, changed } = report
  const what = source === 'traffic' ? 'recent requests' : 'input example'
  return `${requests} ${what} compared with version ${against}: ${errors} refused, largest difference ${short(largestDifference)}, mean ${short(meanDifference)}, ${short(100 * changed)} % of decisions changed, run ${short(report.runMs)} ms after ${short(report.servingRunMs)} ms`
}
