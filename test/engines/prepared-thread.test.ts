import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PreparedThread } from '../../src/engines/prepared-thread.ts'
import { loadFixture, openPool, rows } from './support/pool.ts'

/** A prepared thread, and the thread itself. */
async function prepare(): Promise<{ prepared: PreparedThread; thread: Worker }> {
  const started = once(process, 'worker')
  const prepared = new PreparedThread()
  onTestFinished(() => prepared.close())
  const [thread] = await started
  return { prepared, thread: thread as Worker }
}

describe('a thread that is started ahead', () => {
  it('is the one that the first model is loaded in; the second gets its own', async () => {
    const { prepared } = await prepare()
    const { pool, witness } = openPool({ prepared })
    const model = await loadFixture(pool, 'affine-1')
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({ y: { dtype: 'float32' } })
    expect(witness.threads).toHaveLength(0)
    expect(witness.started).toBe(1)
    await loadFixture(pool, 'affine-2')
    expect(witness.threads).toHaveLength(1)
  })

  it('ends with its model, as any other', async () => {
    const { prepared, thread } = await prepare()
    const { pool, witness } = openPool({ prepared })
    const model = await loadFixture(pool, 'affine-1')
    const exited = once(thread, 'exit')
    await model.unload()
    await exited
    expect(witness.ended).toEqual([{ end: 'closed', message: expect.any(String) }])
  })

  it('ends with the pool when no model came', async () => {
    const { prepared, thread } = await prepare()
    const { pool } = openPool({ prepared })
    const exited = once(thread, 'exit')
    expect(await pool.close(10_000)).toBe(0)
    await exited
    expect(prepared.take()).toBeUndefined()
  })

  it('is no loss when it dies before: the first model starts one', async () => {
    const { prepared, thread } = await prepare()
    await thread.terminate()
    const { pool, witness } = openPool({ prepared })
    await loadFixture(pool, 'affine-1')
    expect(witness.threads).toHaveLength(1)
  })
})
