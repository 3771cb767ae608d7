import { describe, expect, it } from 'vitest'
import { codeOf, loadingV2, oneRow, servingV1, v1, v2 } from './support/iris.ts'
import { ManualServing, version } from './support/manual-serving.ts'

describe('standing by', () => {
  it('keeps the previous version for a time, and takes it again in one assignment', async () => {
    const serving = await servingV1({ probation: { durationMs: 5_000 } })
    await serving.set('iris', { champion: v2 })
    expect(serving.moves.at(-1)).toBe('1 standby')
    await serving.set('iris', { champion: v1 })
    expect(serving.serving('iris')).toBe('1')
    expect(serving.loads.begun).toEqual([v1.source, v2.source])
    expect(serving.moves.slice(-2)).toEqual(['1 ready', '2 standby'])
    serving.clock.advance(5_000)
    await serving.manager.settled()
    expect(serving.moves.slice(-2)).toEqual(['2 draining', '2 closed'])
  })
})

describe('loading several models', () => {
  it('goes on side by side, up to a bound', async () => {
    const serving = new ManualServing({ maxConcurrentLoads: 2 })
    const wanted = [1, 2, 3].map((n) => version(`model-${n}`, n))
    const held = wanted.map(({ source }) => serving.downloads.hold(source))
    for (const each of wanted) serving.want(each.name, { champion: each })
    const done = serving.manager.reconcile()
    await Promise.all([held[0]?.begun, held[1]?.begun])
    expect(serving.downloads.begun).toHaveLength(2)
    expect(serving.manager.modelStatus('model-3').versions[0]?.state).toBe('resolving')
    expect(serving.manager.ready()).toBe(false)
    held[1]?.finish()
    await held[2]?.begun
    held[0]?.finish()
    held[2]?.finish()
    await done
    expect(serving.manager.ready()).toBe(true)
  })

  it('cancels one that waits for its turn, and those behind it move up', async () => {
    const serving = new ManualServing({ maxConcurrentLoads: 1 })
    const churn = version('churn', 1)
    const held = serving.downloads.hold(v1.source)
    void serving.set('iris', { champion: v1 })
    void serving.set('churn', { champion: churn })
    void serving.set('wine', { champion: version('wine', 4) })
    await held.begun
    void serving.set('churn', {})
    held.finish()
    await serving.manager.settled()
    expect(serving.downloads.begun).not.toContain(churn.source)
    expect(serving.serving('wine')).toBe('4')
    expect(serving.manager.status().map(({ name }) => name)).toEqual(['iris', 'wine'])
  })
})

describe('readiness', () => {
  it('waits for every reference of every declared model', async () => {
    const serving = new ManualServing()
    expect(serving.manager.ready()).toBe(false)
    serving.manager.declare('iris', ['champion', 'challenger'])
    serving.manager.declare('churn', ['champion'])
    await serving.set('iris', { champion: v1, challenger: v2 })
    expect(serving.manager.ready()).toBe(false)
    await serving.set('churn', { champion: version('churn', 1) })
    expect(serving.manager.ready()).toBe(true)
  })
})

describe('shutdown', () => {
  it('refuses new requests, lets those inside finish, and unloads everything', async () => {
    const serving = await servingV1()
    const lease = serving.manager.acquire({})
    const done = serving.manager.shutdown(1_000)
    expect(codeOf(() => serving.manager.acquire({}))).toBe('SHUTTING_DOWN')
    expect(serving.manager.ready()).toBe(false)
    await lease.model.predict(oneRow())
    lease.release()
    expect(await done).toBe(true)
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    expect(serving.clock.pending).toBe(0)
  })

  it('cancels what loads and tries nothing again', async () => {
    const { serving, load, done } = await loadingV2()
    expect(await serving.manager.shutdown(1_000)).toBe(true)
    await done
    expect(load.aborted()).toBe(true)
    await serving.manager.reconcile()
    expect(serving.loads.begun).toEqual([v1.source, v2.source])
    expect(serving.released.toSorted()).toEqual([v1.source, v2.source])
  })

  it('ends within its deadline when a run hangs, also of a version that drained already', async () => {
    const serving = await servingV1()
    const model = serving.models.get(v1.source)
    if (model !== undefined) model.gate = new Promise(() => {})
    const lease = serving.manager.acquire({})
    const answer = lease.model.predict(oneRow())
    await new Promise((resolve) => setImmediate(resolve))
    await serving.set('iris', { champion: v2 })
    const done = serving.manager.shutdown(1_000)
    serving.clock.advance(1_000)
    await expect(answer).rejects.toMatchObject({ code: 'MODEL_NOT_READY' })
    lease.release()
    serving.clock.advance(1_000)
    expect(await done).toBe(false)
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
  })
})
