import { describe, expect, it } from 'vitest'
import type { NamedTensors } from '../../../src/model/tensor.ts'
import { codeOf, endOfTurn, setUp } from '../support/batching.ts'
import { modelFailed, type RowModelOptions, rows, values } from '../support/row-model.ts'

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
