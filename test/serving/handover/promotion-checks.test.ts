import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { Gate } from '../../../src/serving/handover/bring-up.ts'
import { v1, v2, v3 } from '../support/iris.ts'
import { ManualServing, type TestContract } from '../support/manual-serving.ts'

/** A gate that notes what it was shown, and may be held or made to refuse. */
function watchedGate() {
  const shown: string[] = []
  let verdict: () => Promise<object> = async () => ({})
  const gate: Gate<TestContract> = async ({ registered, model, contract }, serving, signal) => {
    shown.push(`${serving?.version ?? 'none'} -> ${registered.version}`)
    expect(contract.madeFor).toBe(registered.version)
    expect(model.info.inputs.length).toBeGreaterThan(0)
    const findings = await verdict()
    signal.throwIfAborted()
    return findings
  }
  return {
    gate,
    shown,
    refuse: (message: string) => {
      verdict = () => Promise.reject(new ServingError('REHEARSAL_FAILED', message))
    },
    find: (findings: object) => {
      verdict = async () => findings
    },
    hold: () => {
      let finish = (): void => {}
      const held = new Promise<object>((resolve) => {
        finish = () => resolve({})
      })
      verdict = () => held
      return finish
    },
  }
}

/** Champion 1 and challenger 2, both loaded. */
async function withChallenger() {
  const watched = watchedGate()
  const serving = new ManualServing({}, [watched.gate])
  await serving.set('iris', { champion: v1, challenger: v2 })
  expect(watched.shown.splice(0).toSorted()).toEqual(['none -> 1', 'none -> 2'])
  return { serving, ...watched }
}

describe('a challenger that becomes champion', () => {
  it('passes every gate against the champion, though it is loaded already', async () => {
    const { serving, shown } = await withChallenger()
    await serving.set('iris', { champion: v2, challenger: v2 })
    expect(shown).toEqual(['1 -> 2'])
    expect(serving.serving('iris', 'champion')).toBe('2')
    expect(serving.loads.begun).toEqual([v1.source, v2.source])
  })

  it('is not given the reference when a gate refuses it, and goes on as challenger', async () => {
    const { serving, refuse } = await withChallenger()
    refuse('NaN in 3 of 40')
    await serving.set('iris', { champion: v2, challenger: v2 })
    expect(serving.serving('iris', 'champion')).toBe('1')
    expect(serving.serving('iris', 'challenger')).toBe('2')
    const [champion] = serving.manager.modelStatus('iris').refs
    expect(champion).toMatchObject({
      serving: '1',
      desired: '2',
      error: { code: 'REHEARSAL_FAILED', message: 'NaN in 3 of 40' },
    })
    expect(serving.seen('swap').at(-1)).toMatchObject({ result: 'failed', from: '1', to: '2' })
  })

  it('serves as challenger, and the champion as champion, while the check goes on', async () => {
    const { serving, hold } = await withChallenger()
    const finish = hold()
    const done = serving.set('iris', { champion: v2, challenger: v2 })
    expect(serving.serving('iris', 'champion')).toBe('1')
    expect(serving.serving('iris', 'challenger')).toBe('2')
    finish()
    await done
    expect(serving.serving('iris', 'champion')).toBe('2')
  })

  it('stays loaded until the check has ended, though nothing else wants it any more', async () => {
    const { serving, hold } = await withChallenger()
    const finish = hold()
    const done = serving.set('iris', { champion: v2 })
    expect(serving.manager.modelStatus('iris').versions.map(({ state }) => state)).toEqual([
      'ready',
      'ready',
    ])
    finish()
    await done
    expect(serving.serving('iris', 'champion')).toBe('2')
  })

  it('is forgotten when the alias moves back meanwhile', async () => {
    const { serving, hold, shown } = await withChallenger()
    const finish = hold()
    void serving.set('iris', { champion: v2, challenger: v2 })
    void serving.set('iris', { champion: v1, challenger: v2 })
    finish()
    await serving.manager.settled()
    expect(serving.serving('iris', 'champion')).toBe('1')
    expect(serving.seen('swap').some(({ result }) => result === 'failed')).toBe(false)
    expect(shown).toEqual(['1 -> 2'])
  })

  it('is compared with the version that serves when the check has ended', async () => {
    const { serving, hold, shown } = await withChallenger()
    const finish = hold()
    void serving.set('iris', { champion: v3, challenger: v2 })
    void serving.set('iris', { champion: v2, challenger: v2 })
    finish()
    await serving.manager.settled()
    expect(serving.serving('iris', 'champion')).toBe('2')
    expect(shown.at(-1)).toBe('1 -> 2')
  })

  it('runs unbatched from now on when that is what a gate finds', async () => {
    const { serving, find } = await withChallenger()
    find({ batchingObstacle: 'rows influence each other' })
    await serving.set('iris', { champion: v2, challenger: v2 })
    const promoted = serving.manager
      .modelStatus('iris')
      .versions.find(({ version }) => version === '2')
    expect(promoted?.batching).toMatchObject({
      enabled: false,
      reason: 'rows influence each other',
    })
  })

  it('is not checked again when the alias goes back to what it served before', async () => {
    const { serving, shown } = await withChallenger()
    await serving.set('iris', { champion: v2, challenger: v1 })
    shown.length = 0
    await serving.set('iris', { champion: v1, challenger: v2 })
    expect(shown).toEqual([])
    expect(serving.serving('iris', 'champion')).toBe('1')
  })

  it('holds up no shutdown', async () => {
    const { serving, hold } = await withChallenger()
    const finish = hold()
    void serving.set('iris', { champion: v2, challenger: v2 })
    const done = serving.manager.shutdown(1_000)
    finish()
    expect(await done).toBe(true)
  })
})
