import { countFaults, type TrafficSample } from './traffic-record.ts'

/** How long, and by what, a version is judged that has just taken over. */
export interface ProbationSettings {
  /** Milliseconds; the previous version stays loaded that long. 0: it is unloaded at once, and nothing is judged. */
  readonly durationMs: number
  /** Requests of the new version below which nothing is decided. */
  readonly minRequests: number
  /** How much larger than the previous version's its share of failed requests may be, from 0 to 1. */
  readonly maxErrorRate: number
  /** How many times longer than the previous version's its runs may take. */
  readonly maxLatencyRatio: number
  /** Milliseconds by which they must take longer beside that. */
  readonly latencyFloorMs: number
}

export const NO_PROBATION: ProbationSettings = {
  durationMs: 0,
  minRequests: 20,
  maxErrorRate: 0.05,
  maxLatencyRatio: 3,
  latencyFloorMs: 10,
}

/** The numbers of a sample that people see. Times are those of the run of a request's batch. */
export interface SampleFigures {
  readonly requests: number
  readonly failed: number
  readonly medianRunMs: number | undefined
  readonly meanRunMs: number | undefined
}

export interface Comparison {
  readonly version: SampleFigures
  /** Its times are those that requests of the new version's sizes would have taken. */
  readonly previous: SampleFigures
}

export type Verdict =
  | { readonly kind: 'continue' | 'passed'; readonly reason: string }
  | { readonly kind: 'take back'; readonly reason: string }

/**
 * Standard deviations of chance that are granted before a share of failures counts: the question is asked again and
 * again while a version is on probation, so that 2 would take back one good version in a few.
 */
const DEVIATIONS = 3

/** Slow requests that stay out of the comparison: one in a hundred, and never fewer than these. */
const OUTLIERS = 2

/** Judges what a version did since it took over by what the previous one did before. */
export function judge(
  version: TrafficSample,
  previous: TrafficSample,
  settings: ProbationSettings,
  timeIsUp: boolean,
): Verdict {
  const reason =
    errorsBeyondBounds(version, previous, settings) ??
    latencyBeyondBounds(version, previous, settings)
  if (reason !== undefined) return { kind: 'take back', reason }
  const requests = requestsOf(version)
  const enough =
    requests < settings.minRequests
      ? `${requests} requests, fewer than the ${settings.minRequests} it takes to judge`
      : `${requests} requests within bounds`
  return { kind: timeIsUp ? 'passed' : 'continue', reason: enough }
}

/** Says why the share of failed requests is too large, with the numbers; undefined where it is not. */
export function errorsBeyondBounds(
  version: TrafficSample,
  previous: TrafficSample,
  { minRequests, maxErrorRate }: ProbationSettings,
): string | undefined {
  const requests = requestsOf(version)
  const failed = countFaults(version.faults)
  // One bad request decides nothing, wherever the bound is.
  if (requests < minRequests || failed <= 1) return undefined
  const before = requestsOf(previous)
  const failedBefore = countFaults(previous.faults)
  const rateBefore = before === 0 ? 0 : failedBefore / before
  if (leastRate(failed, requests) - rateBefore <= maxErrorRate) return undefined
  const codes = [...version.faults].map(([code, count]) => `${code} ${count}`).join(', ')
  return `${failed} of ${requests} requests failed (${codes}), ${failedBefore} of ${before} of the version before; ${percent(maxErrorRate)} more are accepted`
}

/** Says why runs take too long, with the numbers; undefined where they do not. */
function latencyBeyondBounds(
  version: TrafficSample,
  previous: TrafficSample,
  { minRequests, maxLatencyRatio, latencyFloorMs }: ProbationSettings,
): string | undefined {
  const { requests } = version.runTimes
  if (requests < minRequests || previous.runTimes.requests < minRequests) return undefined
  const { version: now, previous: before } = compare(version, previous)
  const times = [
    ['median', now.medianRunMs, before.medianRunMs],
    ['mean', now.meanRunMs, before.meanRunMs],
  ] as const
  for (const [what, ms, msBefore] of times) {
    if (ms === undefined || msBefore === undefined) continue
    if (ms <= msBefore * maxLatencyRatio || ms - msBefore <= latencyFloorMs) continue
    return `its runs take ${rounded(ms)} ms (${what} of ${requests} requests), ${rounded(ms / msBefore)} times the ${rounded(msBefore)} ms of the version before; ${maxLatencyRatio} times are accepted`
  }
  return undefined
}

export function compare(version: TrafficSample, previous: TrafficSample): Comparison {
  const now = typical(version)
  const before = typical(previous)
  const expected = now.requests > 0 ? before.expectedFor(now) : before.typical()
  return {
    version: { ...figures(version), ...named(now.typical()) },
    previous: { ...figures(previous), ...named(expected) },
  }
}

function figures(sample: TrafficSample) {
  return { requests: requestsOf(sample), failed: countFaults(sample.faults) }
}

function named(times: { readonly medianMs: number; readonly meanMs: number } | undefined) {
  return { medianRunMs: microseconds(times?.medianMs), meanRunMs: microseconds(times?.meanMs) }
}

/** Milliseconds to the microsecond. */
function microseconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1_000) / 1_000
}

/** Without its slowest, so that one request that hung decides nothing. */
function typical({ runTimes }: TrafficSample) {
  return runTimes.withoutSlowest(Math.max(OUTLIERS, Math.ceil(runTimes.requests / 100)))
}

function requestsOf({ answered, faults }: TrafficSample): number {
  return answered + countFaults(faults)
}

/** The lower end of Wilson's interval (E. B. Wilson, 1927): the least true share that `failed` of `all` leave likely. */
function leastRate(failed: number, all: number): number {
  const z2 = DEVIATIONS ** 2
  const centre = (failed + z2 / 2) / (all + z2)
  const spread = (DEVIATIONS / (all + z2)) * Math.sqrt((failed * (all - failed)) / all + z2 / 4)
  return centre - spread
}

function percent(rate: number): string {
  return `${rounded(rate * 100)} %`
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
