import { describe, expect, it } from 'vitest'
import { loadFailed, servingV1, v1, v2, v3 } from '../support/iris.ts'
import type { ManualServing } from '../support/manual-serving.ts'

const MIB = 2 ** 20

/** Nothing fits beside a version that is loaded. */
const oneFits = (loaded: number) => ({
  limitBytes: 100 * MIB,
  leftBytes: loaded > 0 ? 32 * MIB : 60 * MIB,
})
const twoFit = (loaded: number) => oneFits(loaded - 1)

const MEMORY_FIRST = { memorySwap: 'memory-first', memoryRoom: oneFits } as const

/** What a request hears that comes while version 2 is loaded. */
async function swapOf(serving: ManualServing): Promise<unknown> {
  const load = serving.loads.hold(v2.source)
  const done = serving.set('iris', { champion: v2 })
  await load.begun
  let heard: unknown
  try {
    serving.serving('iris')
  } catch (error) {
    heard = error
  }
  load.finish()
  await done
  await serving.manager.settled()
  return heard
}

describe('a version that does not fit beside the old one', () => {
  it('is refused with the numbers, and the old one serves on', async () => {
    const serving = await servingV1({ memoryRoom: oneFits })
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('1')
    expect(serving.loads.begun).toEqual([v1.source])
    expect(serving.manager.modelStatus('iris').versions[1]).toMatchObject({
      version: '2',
      state: 'failed',
      failure: { code: 'INSUFFICIENT_MEMORY', message: expect.stringContaining('100 MiB') },
    })
  })

  it('is tried again when its back-off is over, when there may be more', async () => {
    let fits = oneFits
    const serving = await servingV1({ memoryRoom: (loaded) => fits(loaded) })
    await serving.set('iris', { champion: v2 })
    fits = twoFit
    serving.clock.advance(1_000)
    await serving.manager.reconcile()
    expect(serving.serving('iris')).toBe('2')
  })

  it('takes its place where memory goes first; meanwhile requests may be sent again', async () => {
    const serving = await servingV1(MEMORY_FIRST)
    const heard = await swapOf(serving)
    expect(heard).toMatchObject({ code: 'MODEL_NOT_READY', row: { status: 503, retryable: true } })
    expect(serving.serving('iris')).toBe('2')
    expect(serving.moves.slice(-6)).toEqual([
      '1 closed',
      '2 resolving',
      '2 downloading',
      '2 loading',
      '2 warming',
      '2 ready',
    ])
    expect(serving.seen('version')).toContainEqual(
      expect.objectContaining({ version: '1', reason: 'makes room for version 2' }),
    )
  })

  it('waits for the requests inside the old one', async () => {
    const serving = await servingV1(MEMORY_FIRST)
    const lease = serving.manager.acquire({ name: 'iris' })
    await serving.set('iris', { champion: v2 })
    expect(serving.loads.begun).toEqual([v1.source])
    lease.release()
    await serving.manager.settled()
    expect(serving.serving('iris')).toBe('2')
  })

  it('gives the place back when it cannot be loaded, and is not tried again by itself', async () => {
    const serving = await servingV1(MEMORY_FIRST)
    serving.loads.break(v2.source, loadFailed())
    await serving.set('iris', { champion: v2 })
    await serving.manager.settled()
    expect(serving.serving('iris')).toBe('1')
    expect(serving.loads.begun).toEqual([v1.source, v2.source, v1.source])
    expect(serving.manager.modelStatus('iris').versions[1]).toMatchObject({
      version: '2',
      failure: { code: 'LOAD_FAILED', nextTryAt: undefined },
    })
    await serving.set('iris', { champion: v3 })
    await serving.manager.settled()
    expect(serving.serving('iris')).toBe('3')
  })

  it('has the version that stands by unloaded, and the one that serves goes on', async () => {
    const serving = await servingV1({ memoryRoom: twoFit, probation: { durationMs: 60_000 } })
    await serving.set('iris', { champion: v2 })
    expect(serving.manager.modelStatus('iris').versions[0]).toMatchObject({ state: 'standby' })
    const load = serving.loads.hold(v3.source)
    const done = serving.set('iris', { champion: v3 })
    await load.begun
    expect(serving.serving('iris')).toBe('2')
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    load.finish()
    await done
    await serving.manager.settled()
    expect(serving.serving('iris')).toBe('3')
  })
})

describe('a first version', () => {
  it('is tried whatever is left', async () => {
    const memoryRoom = () => ({ limitBytes: 100 * MIB, leftBytes: 0 })
    const serving = await servingV1({ memoryRoom })
    expect(serving.serving('iris')).toBe('1')
  })
})
