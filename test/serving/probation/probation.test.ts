import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ERROR_TABLE, type ErrorCode } from '../../../src/errors.ts'
import {
  judge,
  NO_PROBATION,
  type ProbationSettings,
} from '../../../src/serving/probation/probation.ts'
import { RunTimes } from '../../../src/serving/probation/run-times.ts'
import {
  type TrafficSample,
  VERSION_FAULTS,
} from '../../../src/serving/probation/traffic-record.ts'

interface Traffic {
  readonly answered?: number
  readonly failed?: number
  /** Milliseconds of the runs, one request each. */
  readonly runs?: readonly number[]
  readonly bytes?: number
}

function sample({ answered = 0, failed = 0, runs = [], bytes = 100 }: Traffic): TrafficSample {
  const runTimes = new RunTimes()
  for (const ms of runs) runTimes.add(bytes, ms, 1)
  const faults = new Map<ErrorCode, number>(failed > 0 ? [['MODEL_FAILED', failed]] : [])
  return { answered, faults, runTimes }
}

function verdict(
  version: Traffic,
  previous: Traffic,
  settings: Partial<ProbationSettings> = {},
  timeIsUp = false,
) {
  return judge(sample(version), sample(previous), { ...NO_PROBATION, ...settings }, timeIsUp)
}

const GOOD = { answered: 1_000 }
const runs = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms)

describe('failures', () => {
  it('that are all there is are enough after the least number of requests', () => {
    expect(verdict({ failed: 19 }, GOOD).kind).toBe('continue')
    expect(verdict({ failed: 20 }, GOOD)).toEqual({
      kind: 'take back',
      reason:
        '20 of 20 requests failed (MODEL_FAILED 20), 0 of 1000 of the version before; 5 % more are accepted',
    })
  })

  it('of one bad request decide nothing, at any number of requests', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), (answered, before) => {
        const { kind } = verdict(
          { answered, failed: 1 },
          { answered: before },
          { minRequests: 1, maxErrorRate: 0 },
        )
        expect(kind).toBe('continue')
      }),
    )
  })

  it('that the version before had as well are not the fault of the new one', () => {
    const before = { answered: 700, failed: 300 }
    expect(verdict({ answered: 70, failed: 30 }, before).kind).toBe('continue')
    expect(verdict({ answered: 10, failed: 90 }, before).kind).toBe('take back')
  })

  it.each([
    [4, 46, 'continue'],
    [8, 42, 'take back'],
    [60, 940, 'continue'],
    [100, 900, 'take back'],
  ])('%i beside %i answers: %s', (failed, answered, kind) => {
    expect(verdict({ answered, failed }, GOOD).kind).toBe(kind)
  })

  it('may be told to count from the first', () => {
    expect(verdict({ failed: 5 }, GOOD, { minRequests: 5 }).kind).toBe('take back')
    expect(verdict({ answered: 5, failed: 15 }, GOOD, { maxErrorRate: 1 }).kind).toBe('continue')
  })
})

describe('run times', () => {
  const before = { answered: 100, runs: runs(100, 20) }

  it('far longer than before take it back', () => {
    expect(verdict({ answered: 30, runs: runs(30, 200) }, before)).toEqual({
      kind: 'take back',
      reason:
        'its runs take 197 ms (median of 30 requests), 9.51 times the 20.7 ms of the version before; 3 times are accepted',
    })
  })

  it('decide nothing with few requests, of either', () => {
    expect(verdict({ answered: 19, runs: runs(19, 200) }, before).kind).toBe('continue')
    const few = { answered: 19, runs: runs(19, 20) }
    expect(verdict({ answered: 30, runs: runs(30, 200) }, few).kind).toBe('continue')
  })

  it('of two requests that hang decide nothing', () => {
    const hung = [...runs(30, 20), 60_000, 60_000]
    expect(verdict({ answered: 32, runs: hung }, before).kind).toBe('continue')
  })

  it('of a tenth of the requests decide, where those are slow enough', () => {
    const tenth = [...runs(90, 20), ...runs(10, 2_000)]
    const slow = verdict({ answered: 100, runs: tenth }, before)
    expect(slow).toMatchObject({ kind: 'take back', reason: expect.stringContaining('(mean of') })
  })

  it('of a tiny model decide nothing below the floor', () => {
    const tiny = { answered: 100, runs: runs(100, 0.2) }
    expect(verdict({ answered: 100, runs: runs(100, 8) }, tiny).kind).toBe('continue')
    const floor = { latencyFloorMs: 1 }
    expect(verdict({ answered: 100, runs: runs(100, 8) }, tiny, floor).kind).toBe('take back')
  })

  it('of larger batches are measured by those of smaller ones', () => {
    const grown = { answered: 64, runs: runs(64, 300), bytes: 6_400 }
    expect(verdict(grown, before).kind).toBe('continue')
  })
})

describe('time', () => {
  it('passes a version that is within bounds, and one that nobody asked', () => {
    expect(verdict({ answered: 400 }, GOOD, {}, true)).toEqual({
      kind: 'passed',
      reason: '400 requests within bounds',
    })
    expect(verdict({ answered: 3 }, GOOD, {}, true)).toEqual({
      kind: 'passed',
      reason: '3 requests, fewer than the 20 it takes to judge',
    })
  })

  it('does not pass a version that is beyond them', () => {
    expect(verdict({ failed: 20 }, GOOD, {}, true).kind).toBe('take back')
  })
})

describe('what speaks against a version', () => {
  it('is no error of a request that cannot be read or does not fit the signature', () => {
    const blameless = (Object.keys(ERROR_TABLE) as ErrorCode[]).filter(
      (code) => ERROR_TABLE[code].status < 500 && code !== 'MODEL_FAILED',
    )
    expect(blameless.length).toBeGreaterThan(10)
    for (const code of blameless) expect(VERSION_FAULTS).not.toContain(code)
  })

  it('is a model that throws, though MLflow answers 400', () => {
    expect(ERROR_TABLE.MODEL_FAILED.status).toBe(400)
    expect(VERSION_FAULTS).toContain('MODEL_FAILED')
  })
})
