import { describe, expect, it } from 'vitest'
import { DEFAULT_REHEARSAL_SETTINGS } from '../../../src/serving/rehearsal/rehearsal-settings.ts'
import { complaints, type RehearsalReport } from '../../../src/serving/rehearsal/report.ts'
import { latencyRatio, median } from '../../../src/serving/rehearsal/run-time.ts'

const GOOD: RehearsalReport = {
  against: '1',
  source: 'traffic',
  requests: 20,
  errors: 0,
  firstError: undefined,
  nonFinite: 0,
  shape: undefined,
  kind: undefined,
  added: undefined,
  numbers: 40,
  largestDifference: 0.5,
  meanDifference: 0.1,
  decisions: 20,
  changed: 0.25,
  runMs: 1,
  servingRunMs: 1,
  latencyRatio: 1,
  random: false,
  constant: false,
  durationMs: 10,
}

const judge = (
  report: Partial<RehearsalReport>,
  limits: Partial<typeof DEFAULT_REHEARSAL_SETTINGS> = {},
) => complaints({ ...GOOD, ...report }, { ...DEFAULT_REHEARSAL_SETTINGS, ...limits })

describe('a rehearsal', () => {
  it('is passed with answers that differ, as long as no limit is set', () => {
    expect(judge({})).toEqual([])
  })

  it.each([
    [
      { errors: 2, firstError: 'INVALID_INPUT' },
      '2 of 20 requests were refused (limit 0), the first with: INVALID_INPUT',
    ],
    [{ nonFinite: 3 }, '3 numbers are NaN or infinite that were not'],
    [{ shape: '"y" is gone' }, 'the shape of answers changed: "y" is gone'],
    [{ kind: '"y" is of kind float' }, 'the kind of values changed: "y" is of kind float'],
    [{ random: true }, 'the same request sent twice was answered differently'],
    [{ constant: true }, 'different requests were all answered alike'],
    [
      { runMs: 123.4, servingRunMs: 2, latencyRatio: 61.7 },
      'a run takes 123 ms, 61.7 times the 2 ms of before (limit 10 times)',
    ],
  ])('is failed with %j, by default', (report, text) => {
    expect(judge(report)).toEqual([text])
  })

  it.each([
    [{ maxDifference: 0.4 }, 'the largest difference is 0.5 (limit 0.4)'],
    [{ maxMeanDifference: 0.05 }, 'the mean difference is 0.1 (limit 0.05)'],
    [{ maxChanged: 0.2 }, 'the share of changed decisions is 0.25 (limit 0.2)'],
    [{ maxDifference: 0 }, 'the largest difference is 0.5 (limit 0)'],
  ])('is failed beyond %j', (limits, text) => {
    expect(judge({}, limits)).toEqual([text])
  })

  it('is passed within the limits, and with what is allowed', () => {
    expect(judge({}, { maxDifference: 0.5, maxMeanDifference: 0.1, maxChanged: 0.25 })).toEqual([])
    expect(judge({ errors: 2 }, { maxErrors: 2 })).toEqual([])
    expect(judge({ latencyRatio: 1000 }, { maxLatencyRatio: 0 })).toEqual([])
    expect(judge({ latencyRatio: undefined })).toEqual([])
    expect(judge({ nonFinite: 9, constant: true }), 'NaN everywhere says it all').toHaveLength(1)
    const everything = { nonFinite: 1, shape: 'x', kind: 'x', random: true, constant: true }
    expect(judge(everything, { allow: ['nonfinite'] })).toHaveLength(4)
    expect(
      judge(everything, { allow: ['nonfinite', 'shape', 'kind', 'random', 'constant'] }),
    ).toEqual([])
  })
})

describe('run times', () => {
  it('are compared by their medians, of which one slow run is no part', () => {
    expect(median([1, 100, 2])).toBe(2)
    expect(latencyRatio([20, 20, 900], [2, 2, 50])).toBe(10)
  })

  it('below a millisecond are all alike: noise decides nothing', () => {
    expect(latencyRatio([0.9], [0.01])).toBe(0.9)
    expect(latencyRatio([], [1])).toBeUndefined()
  })
})
