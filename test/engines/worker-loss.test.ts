import type { Worker } from 'node:worker_threads'
import { describe, expect, it, vi } from 'vitest'
import { ManualClock } from '../manual-clock.ts'
import { count, loadFixture, openPool, rows, type Witness } from './support/pool.ts'

/** A thread starts in 50 ms; a busy machine may take seconds. */
const PATIENCE = { timeout: 15_000 }

function lastThread({ threads }: Witness): Worker {
  const thread = threads.at(-1)
  if (thread === undefined) return expect.fail('no thread was started')
  return thread
}

describe('a worker whose thread ends', () => {
  it('fails the run that is in flight, and answers the next from a new thread', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    void lastThread(witness).terminate()
    const running = model.run(rows([0, 1, 2, 3]))
    await expect(running).rejects.toMatchObject({
      name: 'ServingError',
      code: 'WORKER_LOST',
      message: expect.stringContaining('exited with code 1'),
    })
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({
      y: { data: Float32Array.of(1, 1) },
    })
    expect(witness).toMatchObject({
      started: 2,
      ended: [{ end: 'exited' }],
      restored: [{ restored: 1, failed: 0 }],
    })
  })

  it('is replaced while idle, before anybody asks', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    await lastThread(witness).terminate()
    await vi.waitFor(() => expect(witness.restored).toEqual([{ restored: 1, failed: 0 }]), PATIENCE)
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({
      y: { data: Float32Array.of(1, 1) },
    })
  })

  it('gets back every model that shared it, and runs that wait are answered', async () => {
    const { pool, witness } = openPool({ placement: 'shared', cores: 1 })
    const one = await loadFixture(pool, 'affine-1')
    const two = await loadFixture(pool, 'affine-2')
    void lastThread(witness).terminate()
    const results = await Promise.allSettled([
      one.run(rows([0, 0, 0, 0])),
      one.run(rows([0, 0, 0, 0])),
      two.run(rows([0, 0, 0, 0])),
      two.run(rows([0, 0, 0, 0])),
    ])
    // The first run of each was in flight; the second waited for it.
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(witness.restored).toEqual([{ restored: 2, failed: 0 }])
    expect(await two.run(rows([0, 0, 0, 0]))).toMatchObject({ y: { data: Float32Array.of(2, 2) } })
  })

  it('can be lost again while its models are loaded again', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    await lastThread(witness).terminate()
    await vi.waitFor(() => expect(witness.threads).toHaveLength(2), PATIENCE)
    void lastThread(witness).terminate()
    await vi.waitFor(
      () => expect(witness.restored).toContainEqual({ restored: 1, failed: 0 }),
      PATIENCE,
    )
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({
      y: { data: Float32Array.of(1, 1) },
    })
  })

  it('is given up when its thread ends each time', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const kill = (thread: Worker): void => void setImmediate(() => thread.terminate())
    process.on('worker', kill)
    try {
      await lastThread(witness).terminate()
      await vi.waitFor(
        () => expect(witness.restored.at(-1)).toEqual({ restored: 0, failed: 1 }),
        PATIENCE,
      )
      await expect(model.run(rows([0, 0, 0, 0]))).rejects.toMatchObject({
        code: 'WORKER_LOST',
        message: expect.stringContaining('lost for good'),
      })
      expect(witness.started).toBe(4)
    } finally {
      process.off('worker', kill)
    }
    await model.unload()
  })

  it('fails what runs when it ends while it is closed', async () => {
    const { pool, witness } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    void lastThread(witness).terminate()
    const running = model.run(rows([0, 0, 0, 0]))
    const unloading = model.unload()
    await expect(running).rejects.toMatchObject({ code: 'WORKER_LOST' })
    await unloading
    expect(await pool.close(10_000)).toBe(0)
  })

  it('fails the load that it was busy with', async () => {
    const { pool, witness } = openPool()
    const loading = loadFixture(pool, 'affine-1')
    await vi.waitFor(() => expect(witness.threads).toHaveLength(1), PATIENCE)
    void lastThread(witness).terminate()
    await expect(loading).rejects.toMatchObject({ code: 'WORKER_LOST' })
    const model = await loadFixture(pool, 'affine-1')
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({ y: { shape: [1, 2] } })
  })
})

describe('a load that does not end', () => {
  it('fails at the limit; its worker is abandoned, and others are loaded', async () => {
    const clock = new ManualClock()
    const { pool, witness } = openPool({ clock, loadTimeoutMs: 5000 })
    const loading = loadFixture(pool, 'affine-1')
    await vi.waitFor(() => expect(witness.threads).toHaveLength(1), PATIENCE)
    clock.advance(5000)
    await expect(loading).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'The model could not be loaded: loading took longer than 5000 ms',
    })
    expect(witness.ended).toMatchObject([{ end: 'hung' }])
    const model = await loadFixture(pool, 'affine-2')
    expect(clock.pending).toBe(0)
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({
      y: { data: Float32Array.of(2, 2) },
    })
  })

  it('is not one that waits for another on the same worker', async () => {
    const clock = new ManualClock()
    const { pool } = openPool({
      clock,
      loadTimeoutMs: 5000,
      hangTimeoutMs: undefined,
      placement: 'shared',
      cores: 1,
    })
    const slow = await loadFixture(pool, 'slow')
    const running = slow.run(count(200_000))
    const loading = loadFixture(pool, 'affine-1')
    await vi.waitFor(() => expect(clock.pending).toBe(1), PATIENCE)
    clock.advance(5000)
    await running
    const model = await loading
    expect(model.info.engine).toBe('onnxruntime')
  })
})

describe('a run that does not end', () => {
  const LONG = 1_000_000

  it('is answered at the limit; its worker is abandoned and replaced', async () => {
    const clock = new ManualClock()
    const { pool, witness } = openPool({ clock, hangTimeoutMs: 1000 })
    const model = await loadFixture(pool, 'slow')
    const hung = model.run(count(LONG))
    clock.advance(999)
    expect(witness.ended).toEqual([])
    clock.advance(1)
    await expect(hung).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('1000 ms'),
    })
    expect(witness.ended).toMatchObject([{ end: 'hung' }])
    expect(await model.run(count(1))).toMatchObject({ done: { data: BigInt64Array.of(1n) } })
  })

  it('fails what waits behind it on a shared worker as lost, which may be tried again', async () => {
    const clock = new ManualClock()
    const { pool } = openPool({ clock, hangTimeoutMs: 1000, placement: 'shared', cores: 1 })
    const slow = await loadFixture(pool, 'slow')
    const neighbour = await loadFixture(pool, 'affine-1')
    const hung = slow.run(count(LONG))
    const behind = neighbour.run(rows([0, 0, 0, 0]))
    clock.advance(1000)
    await expect(hung).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await expect(behind).rejects.toMatchObject({ code: 'WORKER_LOST' })
    expect(await neighbour.run(rows([0, 0, 0, 0]))).toMatchObject({ y: { shape: [1, 2] } })
  })

  it('is measured from when it began, not from when the worker became busy', async () => {
    const clock = new ManualClock()
    const { pool, witness } = openPool({ clock, hangTimeoutMs: 1000 })
    const model = await loadFixture(pool, 'slow')
    const first = model.run(count(1))
    const second = model.run(count(LONG))
    clock.advance(900)
    await first
    clock.advance(900)
    expect(witness.ended).toEqual([])
    clock.advance(100)
    await expect(second).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  it('leaves no timer behind when the worker is idle', async () => {
    const clock = new ManualClock()
    const { pool } = openPool({ clock, hangTimeoutMs: 1000 })
    const model = await loadFixture(pool, 'affine-1')
    await model.run(rows([0, 0, 0, 0]))
    clock.advance(1000)
    expect(clock.pending).toBe(0)
  })

  it('is counted when the pool is closed before it ends', async () => {
    const clock = new ManualClock()
    const { pool } = openPool({ clock, hangTimeoutMs: 1000 })
    const model = await loadFixture(pool, 'slow')
    const hung = model.run(count(LONG))
    clock.advance(1000)
    await expect(hung).rejects.toThrow()
    expect(await pool.close(10_000)).toBe(1)
  })

  it('does not keep its model from being unloaded', async () => {
    const clock = new ManualClock()
    const { pool, witness } = openPool({ clock, hangTimeoutMs: 1000 })
    const model = await loadFixture(pool, 'slow')
    const hung = model.run(count(LONG))
    const unloading = model.unload()
    clock.advance(1000)
    await expect(hung).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await unloading
    expect(witness.ended).toMatchObject([{ end: 'hung' }])
    expect(witness.started).toBe(1)
  })

  it('does not keep a pool from closing beyond the deadline', async () => {
    const clock = new ManualClock()
    const { pool } = openPool({ clock })
    const model = await loadFixture(pool, 'slow')
    const hung = model.run(count(LONG))
    const closing = pool.close(500)
    clock.advance(500)
    expect(await closing).toBe(1)
    await hung
  })
})
