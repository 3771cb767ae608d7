import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { NamedTensors } from '../../../src/model/tensor.ts'
import { endOfTurn, setUp } from '../support/batching.ts'
import { modelFailed, values } from '../support/row-model.ts'

describe('any mix of requests', () => {
  const request = fc.record({
    rows: fc.integer({ min: 0, max: 6 }),
    layout: fc.integer({ min: 0, max: 2 }),
    cancelled: fc.boolean(),
    bad: fc.boolean(),
    /** Requests after this one come in a later turn of the event loop. */
    pause: fc.boolean(),
  })

  /** Rows as wide as the layout says, each number telling its request. */
  function feedsOf(index: number, count: number, layout: number, bad: boolean): NamedTensors {
    const data = new Float64Array(count * layout).map((_, i) => index * 100 + i)
    const flag = new Uint8Array(count).fill(bad ? 1 : 0)
    return {
      x: { dtype: 'float64', shape: [count, layout], data },
      bad: { dtype: 'bool', shape: [count], data: flag },
    }
  }

  it('answers every request once, with its own rows or its own failure', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 24 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 3 }),
        async (requests, maxRows, parallelism) => {
          const { batcher } = setUp(
            { maxRows },
            {
              parallelism,
              inputs: [],
              outputs: [],
              answer: (feeds) => {
                if (values(feeds.bad).includes(1)) throw modelFailed()
                return feeds
              },
            },
          )
          const outcomes: Promise<unknown>[] = []
          for (const [index, each] of requests.entries()) {
            const gone = new AbortController()
            const feeds = feedsOf(index, each.rows, each.layout, each.bad)
            outcomes.push(
              batcher.submit(feeds, { signal: gone.signal }).then(
                (answer) => answer,
                (error: unknown) => ServingError.from(error).code,
              ),
            )
            if (each.cancelled) gone.abort()
            if (each.pause) await endOfTurn()
          }
          const expected = requests.map((each, index) => {
            if (each.cancelled) return 'CLIENT_CLOSED'
            if (each.bad && each.rows > 0) return 'MODEL_FAILED'
            return feedsOf(index, each.rows, each.layout, each.bad)
          })
          expect(await Promise.all(outcomes)).toEqual(expected)
          await batcher.idle()
          expect(batcher.waitingRows).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })
})
