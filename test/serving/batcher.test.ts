import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import type { NamedTensors } from '../../src/model/tensor.ts'
import { Batcher, type BatchReport } from '../../src/serving/batcher.ts'
import type { RequestTimings } from '../../src/serving/pending-request.ts'
import { type BatchSettings, DEFAULT_BATCH_SETTINGS } from '../../src/serving/settings.ts'
import { ManualClock } from '../manual-clock.ts'
import { modelFailed, RowModel, type RowModelOptions, rows, values } from './support/row-model.ts'

interface Setup {
  readonly model: RowModel
  readonly batcher: Batcher
  readonly clock: ManualClock
  readonly reports: BatchReport[]
}

function setUp(settings: Partial<BatchSettings> = {}, options: RowModelOptions = {}): Setup {
  const model = new RowModel(options)
  const clock = new ManualClock()
  const reports: BatchReport[] = []
  const batcher = new Batcher({
    model,
    settings: { ...DEFAULT_BATCH_SETTINGS, ...settings },
    clock,
    observer: (report) => reports.push(report),
  })
  return { model, batcher, clock, reports }
}

/** The end of the event loop's turn, when batches form. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
    return 'answered'
  } catch (error) {
    return ServingError.from(error).code
  }
}

describe('Batcher', () => {
  it('runs together what comes in one turn of the event loop', async () => {
    const { model, batcher, reports } = setUp()
    const answers = await Promise.all([1, 2, 3].map((n) => batcher.submit(rows(n, n))))
    expect(model.rowsOfRuns).toEqual([6])
    expect(answers.map((answer) => answer.x)).toEqual([1, 2, 3].map((n) => rows(n, n).x))
    expect(reports).toMatchObject([{ requests: 3, rows: 6, reason: 'idle-worker', failed: false }])
  })

  it('passes the buffers of a single request through, without a copy', async () => {
    const { model, batcher } = setUp()
    const feeds = rows(1, 4)
    await batcher.submit(feeds)
    expect(model.runs[0]).toBe(feeds)
  })

  it('makes the next batch of what came while the worker ran', async () => {
    const { model, batcher } = setUp()
    model.holding = true
    const first = batcher.submit(rows(1, 1))
    await endOfTurn()
    const later = [2, 3, 4].map((n) => batcher.submit(rows(n, 1)))
    await endOfTurn()
    expect(model.rowsOfRuns).toEqual([1])
    model.holding = false
    model.held[0]?.finish()
    await Promise.all([first, ...later])
    expect(model.rowsOfRuns).toEqual([1, 3])
  })

  it('has one batch in flight for each worker', async () => {
    const { model, batcher } = setUp({ maxRows: 2 }, { parallelism: 3 })
    model.holding = true
    const answers = Array.from({ length: 20 }, (_, n) => batcher.submit(rows(n, 1)))
    await endOfTurn()
    expect(model.held).toHaveLength(3)
    model.held[1]?.finish()
    await Promise.all(answers.slice(2, 4))
    expect(model.held).toHaveLength(4)
    model.holding = false
    for (const run of model.held) run.finish()
    await Promise.all(answers)
    expect(model.mostInFlight).toBe(3)
    expect(model.runs).toHaveLength(10)
  })

  it('closes a batch at the row limit and at the byte limit', async () => {
    const { batcher, reports } = setUp({ maxRows: 4 })
    await Promise.all([3, 2, 2].map((count, n) => batcher.submit(rows(n, count))))
    expect(reports.map(({ rows: count, reason }) => [count, reason])).toEqual([
      [3, 'rows'],
      [4, 'rows'],
    ])
    const bytes = setUp({ maxBytes: 40 })
    await Promise.all([3, 2, 2].map((count, n) => bytes.batcher.submit(rows(n, count))))
    expect(bytes.reports.map(({ rows: count, reason }) => [count, reason])).toEqual([
      [5, 'bytes'],
      [2, 'idle-worker'],
    ])
  })

  it('keeps the order of thousands that wait', async () => {
    const { model, batcher, reports } = setUp()
    model.holding = true
    const numbers = Array.from({ length: 5_000 }, (_, n) => n)
    const answers = numbers.slice(0, 2_500).map((n) => batcher.submit(rows(n, 1)))
    await endOfTurn()
    answers.push(...numbers.slice(2_500).map((n) => batcher.submit(rows(n, 1))))
    model.holding = false
    model.held[0]?.finish()
    const firsts = (await Promise.all(answers)).map(({ x }) => values(x)[0])
    expect(firsts).toEqual(numbers.map((n) => n * 1_000))
    expect(model.runs.flatMap((feeds) => values(feeds.x)).filter((_, i) => i % 2 === 0)).toEqual(
      numbers.map((n) => n * 1_000),
    )
    expect(new Set(reports.map(({ reason }) => reason))).toEqual(new Set(['rows', 'idle-worker']))
  })

  it('runs a request larger than the limit alone', async () => {
    const { model, batcher } = setUp({ maxRows: 4 })
    await Promise.all([1, 9, 1].map((count, n) => batcher.submit(rows(n, count))))
    expect(model.rowsOfRuns).toEqual([1, 9, 1])
  })

  it('waits for company when a delay is set, up to its age or the row limit', async () => {
    const { model, batcher, clock, reports } = setUp({ maxDelayMs: 10, maxRows: 3 })
    const first = batcher.submit(rows(1, 1))
    await endOfTurn()
    clock.advance(9)
    const second = batcher.submit(rows(2, 1))
    await endOfTurn()
    expect(model.runs).toHaveLength(0)
    clock.advance(1)
    await Promise.all([first, second])
    await Promise.all([1, 2, 3].map((n) => batcher.submit(rows(n, 1))))
    expect(reports.map(({ requests, reason, queueMs }) => [requests, reason, queueMs])).toEqual([
      [2, 'age', 10],
      [3, 'rows', 0],
    ])
  })

  it('mixes only requests of one layout, and takes the layouts in order of arrival', async () => {
    const { model, batcher } = setUp({}, { inputs: [], outputs: [] })
    const wide: NamedTensors = {
      x: { dtype: 'float32', shape: [1, 3], data: Float32Array.of(7, 8, 9) },
    }
    const doubles: NamedTensors = {
      x: { dtype: 'float64', shape: [1, 2], data: Float64Array.of(5, 6) },
    }
    const answers = [rows(1, 1), wide, rows(2, 1), doubles, wide].map((feeds) =>
      batcher.submit(feeds),
    )
    const [first, second] = await Promise.all(answers)
    expect(model.runs.map((feeds) => [feeds.x?.dtype, feeds.x?.shape])).toEqual([
      ['float32', [2, 2]],
      ['float32', [2, 3]],
      ['float64', [1, 2]],
    ])
    expect(values(first?.x)).toEqual([1_000, 1_001])
    expect(values(second?.x)).toEqual([7, 8, 9])
  })

  it('starves no layout under a flood of another', async () => {
    const { model, batcher, clock } = setUp({ maxRows: 2 })
    model.holding = true
    const answers = [batcher.submit(rows(0, 1))]
    await endOfTurn()
    answers.push(batcher.submit(rows(1, 1)), batcher.submit(rows(2, 1)))
    clock.advance(1)
    answers.push(
      batcher.submit({ x: { dtype: 'float32', shape: [1, 3], data: new Float32Array(3) } }),
    )
    clock.advance(1)
    for (let n = 3; n < 9; n += 1) answers.push(batcher.submit(rows(n, 1)))
    model.holding = false
    model.held[0]?.finish()
    await Promise.all(answers)
    expect(model.runs.map((feeds) => feeds.x?.shape)).toEqual([
      [1, 2],
      [2, 2],
      [1, 3],
      [2, 2],
      [2, 2],
      [2, 2],
    ])
  })

  it.each<[string, RowModelOptions, string]>([
    [
      'a fixed first dimension of an input',
      { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }] },
      'the first dimension of input "x" is fixed at 1',
    ],
    [
      'a fixed first dimension of an output',
      { outputs: [{ name: 'y', dtype: 'float32', shape: [1] }] },
      'the first dimension of output "y" is fixed at 1',
    ],
  ])('runs every request alone with %s', async (_, options, obstacle) => {
    const { model, batcher } = setUp({}, options)
    expect(batcher.obstacle).toBe(obstacle)
    await Promise.all([1, 2, 3].map((n) => batcher.submit(rows(n, 1))))
    expect(model.rowsOfRuns).toEqual([1, 1, 1])
  })

  it('runs scalars, disagreeing rows and empty requests alone, between batches', async () => {
    const { model, batcher } = setUp({}, { inputs: [], outputs: [] })
    const scalar: NamedTensors = { x: { dtype: 'int32', shape: [], data: Int32Array.of(4) } }
    const disagreeing: NamedTensors = { ...rows(1, 2), y: { ...scalar.x, shape: [1] } as never }
    const feeds = [scalar, rows(1, 1), disagreeing, rows(2, 0), rows(3, 1)]
    const answers = await Promise.all(feeds.map((each) => batcher.submit(each)))
    expect(answers).toEqual(feeds)
    expect(model.runs).toHaveLength(4)
    expect(batcher.obstacle).toBeUndefined()
  })

  it('stops batching a model whose outputs have not the rows of its inputs', async () => {
    const sum = (feeds: NamedTensors): NamedTensors => {
      const total = values(feeds.x).reduce<number>((a, b) => a + Number(b), 0)
      return { y: { dtype: 'float64', shape: [1], data: Float64Array.of(total) } }
    }
    const { model, batcher } = setUp({}, { outputs: [], answer: sum })
    const answers = await Promise.all([1, 2, 3].map((n) => batcher.submit(rows(n, 1))))
    expect(answers.map((answer) => values(answer.y))).toEqual([[2_001], [4_001], [6_001]])
    expect(batcher.obstacle).toBe('output "y" has 1 rows for 3 rows of input')
    await Promise.all([4, 5].map((n) => batcher.submit(rows(n, 1))))
    expect(model.rowsOfRuns).toEqual([3, 1, 1, 1, 1, 1])
  })
})

describe('work of its own', () => {
  it('takes its turn and a worker, and is answered with what it gives', async () => {
    const { model, batcher, reports } = setUp()
    model.holding = true
    const before = batcher.submit(rows(1, 1))
    await endOfTurn()
    const order: string[] = []
    const work = batcher.submitAlone(async () => {
      order.push(`after ${model.runs.length} runs`)
      return 'its answer'
    }, 1_000)
    await endOfTurn()
    const after = batcher.submit(rows(2, 1))
    expect(order).toEqual([])
    model.holding = false
    model.held[0]?.finish()
    expect(await work).toBe('its answer')
    await Promise.all([before, after])
    expect(order).toEqual(['after 1 runs'])
    expect(reports.map(({ reason }) => reason)).toEqual(['idle-worker', 'alone', 'idle-worker'])
  })

  it('fails with its own error, and is bounded like everything that waits', async () => {
    const { model, batcher } = setUp({ maxQueueBytes: 100 })
    const failing = batcher.submitAlone(() => Promise.reject(modelFailed()), 1_000)
    expect(await codeOf(failing)).toBe('MODEL_FAILED')
    model.holding = true
    const running = batcher.submit(rows(1, 1))
    await endOfTurn()
    const waiting = batcher.submit(rows(2, 1))
    expect(await codeOf(batcher.submitAlone(async () => 1, 1_000))).toBe('QUEUE_FULL')
    model.holding = false
    model.held[0]?.finish()
    await Promise.all([running, waiting])
  })
})

describe('a bad request', () => {
  const failsOn = (bad: number) => (feeds: NamedTensors) => {
    if (values(feeds.x).includes(bad)) throw modelFailed()
    return feeds
  }

  it('fails alone: its neighbours are run again without it', async () => {
    const { model, batcher, reports } = setUp({}, { answer: failsOn(2_000) })
    const answers = [1, 2, 3].map((n) => batcher.submit(rows(n, 1)))
    expect(await Promise.all(answers.map(codeOf))).toEqual(['answered', 'MODEL_FAILED', 'answered'])
    expect(values((await answers[2])?.x)).toEqual([3_000, 3_001])
    expect(model.rowsOfRuns).toEqual([3, 1, 1, 1])
    expect(reports.map(({ failed }) => failed)).toEqual([true, false, true, false])
    expect(batcher.obstacle).toBeUndefined()
  })

  it('is run again before what came later, which still shares batches', async () => {
    const { model, batcher } = setUp({}, { answer: failsOn(2_000) })
    model.holding = true
    const early = [1, 2].map((n) => codeOf(batcher.submit(rows(n, 1))))
    await endOfTurn()
    const late = [3, 4].map((n) => codeOf(batcher.submit(rows(n, 1))))
    await endOfTurn()
    model.holding = false
    model.held[0]?.finish()
    expect(await Promise.all([...early, ...late])).toEqual([
      'answered',
      'MODEL_FAILED',
      'answered',
      'answered',
    ])
    expect(model.runs.map((feeds) => values(feeds.x)[0])).toEqual([1_000, 1_000, 2_000, 3_000])
  })

  it('takes nobody with it when it ends the worker', async () => {
    const { batcher } = setUp(
      {},
      {
        answer: (feeds) => {
          if (values(feeds.x).includes(2_000)) throw new ServingError('WORKER_LOST', 'it exited')
          return feeds
        },
      },
    )
    const answers = [1, 2, 3].map((n) => codeOf(batcher.submit(rows(n, 1))))
    expect(await Promise.all(answers)).toEqual(['answered', 'WORKER_LOST', 'answered'])
  })

  it('is not run again when it hung, nor are its neighbours', async () => {
    const { model, batcher } = setUp(
      {},
      {
        answer: () => {
          throw new ServingError('DEADLINE_EXCEEDED', 'the model did not answer')
        },
      },
    )
    const answers = [1, 2, 3].map((n) => codeOf(batcher.submit(rows(n, 1))))
    expect(await Promise.all(answers)).toEqual(Array(3).fill('DEADLINE_EXCEEDED'))
    expect(model.runs).toHaveLength(1)
  })

  it('fails with INTERNAL when the engine throws something else', async () => {
    const { batcher } = setUp(
      {},
      {
        answer: () => {
          throw new TypeError('not a ServingError')
        },
      },
    )
    expect(await codeOf(batcher.submit(rows(1, 1)))).toBe('INTERNAL')
  })
})

describe('the queue', () => {
  it('refuses what is beyond its rows and says when to come again', async () => {
    const { model, batcher, clock } = setUp({ maxQueueRows: 10 })
    model.holding = true
    const answers = [batcher.submit(rows(0, 4))]
    await endOfTurn()
    clock.advance(1_000)
    model.held[0]?.finish()
    await answers[0]
    answers.push(batcher.submit(rows(1, 1)))
    await endOfTurn()
    answers.push(batcher.submit(rows(2, 10)))
    const refused = batcher.submit(rows(3, 1))
    await expect(refused).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      // 10 rows wait, and 4 rows left in the only second that was measured.
      details: { retryAfterSeconds: 3 },
    })
    expect(batcher.waitingRows).toBe(10)
    model.holding = false
    model.held[1]?.finish()
    await Promise.all(answers)
    expect(batcher.waitingRows).toBe(0)
  })

  it('refuses what is beyond its bytes, but lets one large request into an empty queue', async () => {
    const { model, batcher } = setUp({ maxQueueBytes: 40 })
    model.holding = true
    const running = batcher.submit(rows(0, 1))
    await endOfTurn()
    const large = batcher.submit(rows(1, 100))
    expect(await codeOf(batcher.submit(rows(2, 1)))).toBe('QUEUE_FULL')
    model.holding = false
    model.held[0]?.finish()
    expect(await Promise.all([codeOf(running), codeOf(large)])).toEqual(['answered', 'answered'])
  })
})

describe('deadlines and cancellation', () => {
  it('drops what has not started by its deadline, and answers what runs', async () => {
    const { model, batcher, clock } = setUp()
    model.holding = true
    const running = batcher.submit(rows(1, 1), { deadlineAt: 50 })
    await endOfTurn()
    const waiting = batcher.submit(rows(2, 1), { deadlineAt: 100 })
    const patient = batcher.submit(rows(3, 1), { deadlineAt: 1_000 })
    const codes = Promise.all([codeOf(running), codeOf(waiting)])
    clock.advance(49)
    expect(batcher.waitingRows).toBe(2)
    clock.advance(60)
    expect(await codes).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'])
    expect(batcher.waitingRows).toBe(1)
    model.holding = false
    model.held[0]?.finish()
    await patient
    expect(model.runs.map((feeds) => values(feeds.x)[0])).toEqual([1_000, 3_000])
  })

  it('drops what is due behind those that were taken, and keeps the others', async () => {
    const { model, batcher, clock } = setUp({ maxRows: 2 })
    model.holding = true
    const answers = [1, 2, 3, 4, 5].map((n) =>
      codeOf(batcher.submit(rows(n, 1), { deadlineAt: n === 4 ? 20 : 1_000 })),
    )
    await endOfTurn()
    clock.advance(20)
    model.holding = false
    model.held[0]?.finish()
    expect(await Promise.all(answers)).toEqual([
      'answered',
      'answered',
      'answered',
      'DEADLINE_EXCEEDED',
      'answered',
    ])
    expect(model.runs.map((feeds) => values(feeds.x)[0])).toEqual([1_000, 3_000])
    expect(model.rowsOfRuns).toEqual([2, 2])
  })

  it('is not late for a deadline that comes before those it knows', async () => {
    const { model, batcher, clock } = setUp()
    model.holding = true
    const patient = batcher.submit(rows(1, 1), { deadlineAt: 1_000 })
    const hurried = codeOf(batcher.submit(rows(2, 1), { deadlineAt: 10 }))
    await endOfTurn()
    clock.advance(10)
    expect(await hurried).toBe('DEADLINE_EXCEEDED')
    model.held[0]?.finish()
    await patient
  })

  it('refuses at once what comes too late or from a client that has gone', async () => {
    const { model, batcher, clock } = setUp()
    clock.advance(10)
    const signal = AbortSignal.abort()
    expect(await codeOf(batcher.submit(rows(1, 1), { deadlineAt: 10 }))).toBe('DEADLINE_EXCEEDED')
    expect(await codeOf(batcher.submit(rows(1, 1), { signal }))).toBe('CLIENT_CLOSED')
    expect(model.runs).toHaveLength(0)
  })

  it('leaves out what was cancelled before its batch formed', async () => {
    const { model, batcher } = setUp()
    const gone = new AbortController()
    const answers = [
      batcher.submit(rows(1, 1)),
      batcher.submit(rows(2, 1), { signal: gone.signal }),
      batcher.submit(rows(3, 2)),
    ]
    gone.abort()
    expect(await Promise.all(answers.map(codeOf))).toEqual([
      'answered',
      'CLIENT_CLOSED',
      'answered',
    ])
    expect(model.rowsOfRuns).toEqual([3])
  })

  it('sets one timer for many requests and none while no deadline is near', async () => {
    const { batcher, clock } = setUp()
    const answers = Array.from({ length: 100 }, (_, n) =>
      batcher.submit(rows(n, 1), { deadlineAt: 60_000 + n }),
    )
    expect(clock.pending).toBe(1)
    await Promise.all(answers)
    clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it('tells how long a request waited and ran', async () => {
    const { model, batcher, clock } = setUp()
    model.holding = true
    const timings: RequestTimings = { queueMs: 0, runMs: 0 }
    const answer = batcher.submit(rows(1, 1), { timings })
    clock.advance(3)
    await endOfTurn()
    clock.advance(4)
    model.held[0]?.finish()
    await answer
    expect(timings).toEqual({ queueMs: 3, runMs: 4 })
  })
})

describe('closing', () => {
  it('answers all that waits or runs, and tells when the last run has ended', async () => {
    const { model, batcher, clock } = setUp()
    model.holding = true
    const running = codeOf(batcher.submit(rows(1, 1), { deadlineAt: 1_000 }))
    await endOfTurn()
    const waiting = codeOf(batcher.submit(rows(2, 1)))
    let idle = false
    const ended = batcher.idle().then(() => {
      idle = true
    })
    expect(batcher.close(new ServingError('SHUTTING_DOWN', 'the end'))).toBe(2)
    expect(await Promise.all([running, waiting])).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN'])
    expect(await codeOf(batcher.submit(rows(3, 1)))).toBe('SHUTTING_DOWN')
    expect(batcher.close(new ServingError('SHUTTING_DOWN', 'again'))).toBe(0)
    expect(idle).toBe(false)
    model.held[0]?.finish()
    await ended
    expect(clock.pending).toBe(0)
  })

  it('is idle when nothing was ever asked', async () => {
    await setUp().batcher.idle()
  })
})

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
