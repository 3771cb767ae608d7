import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { RequestTimings } from '../../../src/serving/batching/pending-request.ts'
import { codeOf, endOfTurn, setUp } from '../support/batching.ts'
import { rows, values } from '../support/row-model.ts'

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

  it('counts work of its own by the bytes that are given', async () => {
    const { model, batcher } = setUp({ maxQueueBytes: 100 })
    model.holding = true
    const running = batcher.submit(rows(0, 1))
    await endOfTurn()
    const work = Array.from({ length: 3 }, (_, n) => codeOf(batcher.submitAlone(async () => n, 45)))
    expect(await work[2]).toBe('QUEUE_FULL')
    expect(batcher.waitingRows).toBe(2)
    model.holding = false
    model.held[0]?.finish()
    await running
    expect(await Promise.all(work.slice(0, 2))).toEqual(['answered', 'answered'])
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

  it('gives the places of clients that have gone to others, without waiting for a batch', async () => {
    const { model, batcher, clock } = setUp({ maxQueueRows: 2 })
    model.holding = true
    const running = batcher.submit(rows(0, 1))
    await endOfTurn()
    const gone = new AbortController()
    const left = codeOf(batcher.submit(rows(1, 1), { signal: gone.signal, deadlineAt: 60_000 }))
    const stays = batcher.submit(rows(2, 1))
    gone.abort()
    for (let closed = 0; closed < 100; closed += 1) batcher.clientLeft()
    expect(clock.pending).toBe(1)
    clock.advance(5)
    expect(await left).toBe('CLIENT_CLOSED')
    expect(batcher.waitingRows).toBe(1)
    const next = batcher.submit(rows(3, 1))
    model.holding = false
    model.held[0]?.finish()
    await Promise.all([running, stays, next])
    expect(model.runs.map((feeds) => values(feeds.x)[0])).toEqual([0, 2_000])
  })

  it('looks for clients that have gone only where somebody waits', () => {
    const { batcher, clock } = setUp()
    batcher.clientLeft()
    expect(clock.pending).toBe(0)
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
