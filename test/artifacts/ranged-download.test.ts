import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ByteRange, downloadRanges, partsOf } from '../../src/artifacts/ranged-download.ts'
import { retryDelayMs } from '../../src/artifacts/retry.ts'
import { systemClock } from '../../src/clock.ts'
import { ServingError } from '../../src/errors.ts'
import { MemorySink } from './memory-sink.ts'

const never = new AbortController().signal

describe('parts', () => {
  it('hold every byte once, in order, and none is larger than two parts', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 900 }), (size, partBytes) => {
        const parts = [...partsOf(size, partBytes)]
        expect(parts.map((part) => part.start)).toEqual(
          [0, ...parts.map((part) => part.end)].slice(0, parts.length),
        )
        expect(parts.at(-1)?.end ?? 0).toBe(size)
        expect(Math.max(0, ...parts.map((part) => part.end - part.start))).toBeLessThanOrEqual(
          2 * partBytes,
        )
      }),
    )
  })
})

describe('a download in parts', () => {
  it('brings the same bytes however the connections break', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(9), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (content, breaks, concurrency) => {
          const sink = new MemorySink()
          const pending = [...breaks]
          const open = async (range: ByteRange) =>
            pieces(content.subarray(range.start, range.end), pending)
          const options = {
            partBytes: 20,
            concurrency,
            clock: systemClock,
            retries: { attempts: 100, firstDelayMs: 0, maxDelayMs: 0 },
          }
          await downloadRanges(open, content.length, sink, options, never)
          expect(Buffer.from(content).equals(sink.content)).toBe(true)
          expect(sink.received).toBe(content.length)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('refuses bytes beyond the part', async () => {
    const open = async () => pieces(new Uint8Array(11), [])
    const options = {
      partBytes: 10,
      concurrency: 1,
      clock: systemClock,
      retries: { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 },
    }
    await expect(downloadRanges(open, 10, new MemorySink(), options, never)).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
    })
  })
})

/** Three bytes at a time; breaks after as many pieces as the next number of `breaks` says. */
async function* pieces(content: Uint8Array, breaks: number[]): AsyncGenerator<Uint8Array> {
  let left = breaks.shift() ?? Number.POSITIVE_INFINITY
  for (let at = 0; at < content.length; at += 3) {
    if (left-- === 0) throw new ServingError('ARTIFACT_UNAVAILABLE', 'cut')
    yield content.subarray(at, at + 3)
  }
}

describe('waiting before a retry', () => {
  const policy = { attempts: 5, firstDelayMs: 100, maxDelayMs: 1000 }
  it('doubles up to the longest wait, less what chance takes off', () => {
    const longest = [1, 2, 3, 4, 5, 6].map((n) => retryDelayMs(policy, n, () => 0))
    expect(longest).toEqual([100, 200, 400, 800, 1000, 1000])
    expect(retryDelayMs(policy, 3, () => 1)).toBe(200)
  })
})
