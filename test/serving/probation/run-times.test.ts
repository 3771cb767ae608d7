import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RunTimes } from '../../../src/serving/probation/run-times.ts'

/** Runs of one request each. */
function runTimes(...runs: (readonly [bytes: number, ms: number])[]): RunTimes {
  const times = new RunTimes()
  for (const [bytes, ms] of runs) times.add(bytes, ms, 1)
  return times
}

function repeated<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value)
}

/** A step is 19 % of a time, of which the middle is given. */
const STEP = 2 ** 0.125

describe('typical times', () => {
  it('are within a step of the median and the mean', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 10_000, noNaN: true }), { minLength: 1 }),
        (ms) => {
          const times = runTimes(...ms.map((each) => [100, each] as const)).typical()
          const sorted = ms.toSorted((a, b) => a - b)
          const median = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0
          const mean = ms.reduce((sum, each) => sum + each, 0) / ms.length
          expect(Math.abs(Math.log2((times?.medianMs ?? 0) / median))).toBeLessThanOrEqual(0.13)
          expect(times?.meanMs).toBeGreaterThanOrEqual(mean / STEP - 1e-9)
          expect(times?.meanMs).toBeLessThanOrEqual(mean * STEP + 1e-9)
        },
      ),
    )
  })

  it('hold no time at all and an hour too', () => {
    const times = runTimes([0, 0], [2 ** 40, 3_600_000])
    expect(times.requests).toBe(2)
    expect(times.typical()?.medianMs).toBeGreaterThan(0)
  })

  it('are not there before the first run', () => {
    expect(new RunTimes().typical()).toBeUndefined()
  })

  it('count the requests of a batch', () => {
    const times = new RunTimes()
    times.add(1_000, 1, 30)
    times.add(1_000, 100, 1)
    expect(times.requests).toBe(31)
    expect(times.typical()?.medianMs).toBeCloseTo(1, 0)
  })

  it('leave the slowest out on demand', () => {
    const times = runTimes(...repeated(50, [100, 2] as const), [100, 9_000], [8_000, 7_000])
    expect(times.typical()?.meanMs).toBeGreaterThan(200)
    expect(times.withoutSlowest(2).typical()?.meanMs).toBeLessThan(3)
    expect(times.requests).toBe(52)
    expect(times.withoutSlowest(52).typical()).toBeUndefined()
  })

  it('of what came since a copy', () => {
    const times = runTimes(...repeated(10, [100, 1] as const))
    const earlier = times.copy()
    times.add(100, 64, 5)
    expect(times.since(earlier).requests).toBe(5)
    expect(times.since(earlier).typical()?.medianMs).toBeGreaterThan(60)
    expect(earlier.requests).toBe(10)
  })
})

describe('times expected for other requests', () => {
  const seen = runTimes(...repeated(10, [64, 1] as const), ...repeated(10, [4_096, 20] as const))

  it('are weighted by the sizes of those', () => {
    const small = seen.expectedFor(runTimes([64, 9]))
    const large = seen.expectedFor(runTimes([4_096, 9]))
    const both = seen.expectedFor(runTimes([64, 9], [4_096, 9]))
    expect(small?.medianMs).toBeCloseTo(1, 0)
    expect(large?.medianMs).toBeGreaterThan(18)
    expect(both?.medianMs).toBeCloseTo(((small?.medianMs ?? 0) + (large?.medianMs ?? 0)) / 2, 6)
  })

  it('grow with a size that was not seen', () => {
    const large = seen.expectedFor(runTimes([4_096, 9]))?.medianMs ?? 0
    expect(seen.expectedFor(runTimes([65_536, 9]))?.medianMs).toBeCloseTo(16 * large, 6)
  })

  it('are those of the next larger size where none is smaller', () => {
    const small = seen.expectedFor(runTimes([64, 9]))?.medianMs
    expect(seen.expectedFor(runTimes([1, 9]))?.medianMs).toBe(small)
  })

  it('do not rest on a few requests', () => {
    const few = runTimes(...repeated(4, [64, 1] as const))
    expect(few.expectedFor(runTimes([64, 1]))).toBeUndefined()
  })
})
