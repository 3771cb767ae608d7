import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { NamedTensors } from '../../../src/model/tensor.ts'
import { codeOf, endOfTurn, setUp } from '../support/batching.ts'
import { modelFailed, rows, values } from '../support/row-model.ts'

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

  it('is given to the next worker, once, when it was alone on one that was lost', async () => {
    let losses = 1
    const { model, batcher } = setUp(
      {},
      {
        answer: (feeds) => {
          losses -= 1
          if (losses >= 0) throw new ServingError('WORKER_LOST', 'it exited')
          return feeds
        },
      },
    )
    expect(values((await batcher.submit(rows(1, 1))).x)).toEqual([1_000, 1_001])
    losses = 2
    expect(await codeOf(batcher.submit(rows(2, 1)))).toBe('WORKER_LOST')
    expect(model.runs).toHaveLength(4)
  })

  it('is lost with its worker when its buffers were handed over', async () => {
    const { model, batcher } = setUp(
      {},
      {
        answer: ({ x }) => {
          const data = x?.data as Float64Array<ArrayBuffer>
          structuredClone(data.buffer, { transfer: [data.buffer] })
          throw new ServingError('WORKER_LOST', 'it exited')
        },
      },
    )
    expect(await codeOf(batcher.submit(rows(1, 1)))).toBe('WORKER_LOST')
    expect(model.runs).toHaveLength(1)
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
