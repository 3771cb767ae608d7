import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import { oneRow, servingV1, v1, v2, v3 } from '../support/iris.ts'
import { ManualServing } from '../support/manual-serving.ts'

/** Half a minute, as by default. */
const ON = { probation: { durationMs: 30_000 } }

/** Version 1 has answered for a while, and 2 has just taken over. */
async function onProbation(
  ...[settings = ON, ...more]: ConstructorParameters<typeof ManualServing>
): Promise<ManualServing> {
  const serving = await servingV1(settings, ...more)
  answer(serving, 100)
  await serving.set('iris', { champion: v2 })
  return serving
}

/** So many requests are answered in so many milliseconds each. */
function answer(serving: ManualServing, requests: number, ms = 20, ref?: string): void {
  for (let n = 0; n < requests; n += 1) {
    const lease = serving.manager.acquire({ name: 'iris', ref })
    lease.model.traffic.ran(1, 100, ms)
    lease.model.traffic.answered()
    lease.release()
  }
}

/** So many requests fail. */
function fail(serving: ManualServing, requests: number, ref?: string): void {
  for (let n = 0; n < requests; n += 1) {
    const lease = serving.manager.acquire({ name: 'iris', ref })
    lease.model.traffic.failed('MODEL_FAILED')
    lease.release()
  }
}

function states(serving: ManualServing): string[] {
  const { versions } = serving.manager.modelStatus('iris')
  return versions.map(({ version, state }) => `${version} ${state}`)
}

function probations(serving: ManualServing): string[] {
  return serving.seen('probation').map((event) => {
    const { ref, previous, version, state } = event
    return `${ref} ${previous}>${version} ${state}`
  })
}

describe('a version on probation', () => {
  it('is taken back by the request that makes its failures too many', async () => {
    const serving = await onProbation()
    fail(serving, 19)
    expect(serving.serving('iris')).toBe('2')
    fail(serving, 1)
    expect(serving.serving('iris')).toBe('1')
    expect(serving.loads.begun).toEqual([v1.source, v2.source])
    expect(serving.seen('probation').at(-1)).toMatchObject({
      ref: 'champion',
      version: '2',
      previous: '1',
      state: 'taken_back',
      reason: expect.stringContaining('20 of 20 requests failed (MODEL_FAILED 20)'),
      figures: { version: { requests: 20, failed: 20 }, previous: { requests: 100, failed: 0 } },
    })
    expect(serving.listenerErrors).toEqual([])
  })

  it('is taken back within a second when its runs take too long', async () => {
    const serving = await onProbation()
    answer(serving, 25, 500)
    expect(serving.serving('iris')).toBe('2')
    serving.clock.advance(1_000)
    expect(serving.serving('iris')).toBe('1')
    expect(serving.manager.modelStatus('iris').versions.at(-1)).toMatchObject({
      version: '2',
      state: 'failed',
      reason: expect.stringContaining('Taken back: its runs take'),
      failure: { stage: 'ready', held: true, nextTryAt: undefined },
    })
  })

  it('is not tried again until the alias moves', async () => {
    const serving = await onProbation()
    fail(serving, 20)
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    serving.clock.advance(86_400_000)
    await serving.set('iris', { champion: new ServingError('REGISTRY_UNAVAILABLE', 'silent') })
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('1')
    await serving.set('iris', { champion: v3 })
    expect(serving.serving('iris')).toBe('3')
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('2')
  })

  it('is tried again when a person clears it', async () => {
    const serving = await onProbation()
    fail(serving, 20)
    expect(serving.manager.clear('iris', '2')).toBe(1)
    await serving.manager.reconcile()
    expect(serving.serving('iris')).toBe('2')
    expect(probations(serving).at(-1)).toBe('champion 1>2 started')
  })

  it('is tried again when the alias had moved on before and comes back', async () => {
    const serving = await onProbation()
    const load = serving.loads.hold(v3.source)
    void serving.set('iris', { champion: v3 })
    await load.begun
    fail(serving, 20)
    expect(serving.serving('iris')).toBe('1')
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('2')
  })

  it('lets the requests inside it finish when it is taken back', async () => {
    const serving = await onProbation()
    const inside = serving.manager.acquire({})
    fail(serving, 20)
    expect((await inside.model.predict(oneRow())).y?.data).toEqual(Float32Array.of(1 + 2 + 2))
    expect(serving.models.get(v2.source)?.unloaded).toBe(false)
    inside.release()
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
  })

  it('passes when its time is up, and the version before is unloaded', async () => {
    const serving = await onProbation()
    answer(serving, 50, 25)
    serving.clock.advance(29_999)
    await serving.manager.settled()
    expect(states(serving)).toEqual(['1 standby', '2 ready'])
    serving.clock.advance(1)
    await serving.manager.settled()
    expect(states(serving)).toEqual(['2 ready'])
    expect(serving.clock.pending).toBe(0)
    fail(serving, 100)
    expect(serving.serving('iris')).toBe('2')
    expect(probations(serving)).toEqual(['champion 1>2 started', 'champion 1>2 passed'])
    expect(serving.seen('probation').at(-1)).toMatchObject({
      durationMs: 30_000,
      reason: '50 requests within bounds',
    })
  })

  it('is judged one last time when its time is up', async () => {
    const serving = await onProbation()
    serving.clock.advance(29_500)
    answer(serving, 25, 500)
    serving.clock.advance(500)
    expect(serving.serving('iris')).toBe('1')
  })

  it('is seen with what both have done', async () => {
    const serving = await onProbation()
    answer(serving, 7)
    expect(serving.manager.modelStatus('iris').refs[0]?.probation).toMatchObject({
      version: '2',
      previous: '1',
      until: '2026-01-01T00:00:30.000Z',
      figures: { version: { requests: 7, failed: 0 }, previous: { requests: 100, failed: 0 } },
    })
    const { events } = serving.manager.modelStatus('iris')
    expect(events.at(-1)).toMatchObject({
      kind: 'probation',
      text: 'probation started: for 30000 ms',
    })
  })
})

describe('the version before', () => {
  it('is the only one to stand by when the alias moves quickly', async () => {
    const serving = await onProbation()
    await serving.set('iris', { champion: v3 })
    await serving.manager.settled()
    expect(states(serving)).toEqual(['2 standby', '3 ready'])
    expect(probations(serving)).toEqual([
      'champion 1>2 started',
      'champion 1>2 ended',
      'champion 2>3 started',
    ])
  })

  it('takes over without loading when the alias goes back to it', async () => {
    const serving = await onProbation()
    await serving.set('iris', { champion: v1 })
    expect(serving.loads.begun).toHaveLength(2)
    expect(states(serving)).toEqual(['1 ready', '2 standby'])
    expect(probations(serving).at(-1)).toBe('champion 2>1 started')
  })

  it('is unloaded at once where there is no probation, and nothing is judged', async () => {
    const serving = await onProbation({ probation: { durationMs: 0 } })
    await serving.manager.settled()
    expect(states(serving)).toEqual(['2 ready'])
    fail(serving, 100)
    expect(serving.serving('iris')).toBe('2')
    expect(serving.clock.pending).toBe(0)
  })

  it('is unloaded at once where memory does not allow it to stand by', async () => {
    const asked: (number | undefined)[] = []
    const serving = await onProbation({
      ...ON,
      standbyFits: (bytes) => {
        asked.push(bytes)
        return false
      },
    })
    await serving.manager.settled()
    expect(asked).toEqual([10])
    expect(states(serving)).toEqual(['2 ready'])
    expect(serving.seen('probation')).toMatchObject([
      { state: 'skipped', reason: 'no memory for version 1 to stand by' },
    ])
  })

  it('stands by no longer when its reference or its model is removed', async () => {
    const serving = await onProbation()
    await serving.set('iris', { other: v3 })
    await serving.manager.settled()
    expect(states(serving)).toEqual(['3 ready'])
    expect(probations(serving).at(-1)).toBe('champion 1>2 ended')
    await serving.set('iris', {})
    await serving.manager.settled()
    expect(serving.manager.status()).toEqual([])
    serving.clock.advance(60_000)
    expect(serving.listenerErrors).toEqual([])
  })

  it('is unloaded with the others when the server stops', async () => {
    const serving = await onProbation()
    expect(await serving.manager.shutdown(1_000)).toBe(true)
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    expect(serving.clock.pending).toBe(0)
  })

  it('is measured by its last minutes, not by its first', async () => {
    const serving = await servingV1(ON)
    answer(serving, 2_000, 900)
    for (let minute = 0; minute < 3; minute += 1) {
      serving.clock.advance(60_000)
      answer(serving, 2_000, 20)
    }
    await serving.set('iris', { champion: v2 })
    answer(serving, 30, 400)
    serving.clock.advance(1_000)
    expect(serving.serving('iris')).toBe('1')
  })
})

describe('several references of one model', () => {
  it('go back together, each to the version that it left', async () => {
    const serving = new ManualServing(ON)
    await serving.set('iris', { champion: v1, next: v3 })
    await serving.set('iris', { champion: v2, next: v2 })
    await serving.manager.settled()
    expect(states(serving)).toEqual(['1 standby', '3 standby', '2 ready'])
    fail(serving, 20)
    expect([serving.serving('iris', 'champion'), serving.serving('iris', 'next')]).toEqual([
      '1',
      '3',
    ])
    expect(probations(serving).slice(-2)).toEqual([
      'champion 1>2 taken_back',
      'next 3>2 taken_back',
    ])
  })

  it('keep the version before loaded while another one serves it', async () => {
    const serving = new ManualServing(ON)
    await serving.set('iris', { champion: v1, challenger: v1 })
    await serving.set('iris', { champion: v2, challenger: v1 })
    expect(states(serving)).toEqual(['1 ready', '2 ready'])
    await serving.set('iris', { champion: v2 })
    await serving.manager.settled()
    expect(states(serving)).toEqual(['1 ready', '2 ready'])
    fail(serving, 20)
    expect(serving.serving('iris')).toBe('1')
  })

  it('count for a version only what it did since it took over', async () => {
    const serving = new ManualServing(ON)
    await serving.set('iris', { champion: v1, challenger: v2 })
    answer(serving, 100, 20, 'champion')
    fail(serving, 100, 'challenger')
    await serving.set('iris', { champion: v2, challenger: v2 })
    fail(serving, 19)
    expect(serving.serving('iris')).toBe('2')
    fail(serving, 1)
    expect(serving.serving('iris')).toBe('1')
  })

  it('do not have what was taken back tried again by a move of another', async () => {
    const serving = new ManualServing(ON)
    await serving.set('iris', { champion: v1, challenger: v3 })
    await serving.set('iris', { champion: v2, challenger: v3 })
    fail(serving, 20)
    await serving.set('iris', { champion: v2, challenger: v2 })
    expect(serving.serving('iris', 'challenger')).toBe('3')
    await serving.set('iris', { champion: v1, challenger: v2 })
    expect(serving.serving('iris', 'challenger')).toBe('3')
    await serving.set('iris', { champion: v2, challenger: v1 })
    expect(serving.serving('iris', 'champion')).toBe('2')
  })
})
