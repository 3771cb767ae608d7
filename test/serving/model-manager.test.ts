import { describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import { codeOf, loadFailed, loadingV2, oneRow, servingV1, v1, v2, v3 } from './support/iris.ts'
import { ManualServing, version } from './support/manual-serving.ts'

describe('promise 1: the set given for a name replaces the previous set', () => {
  it('unloads a version that is left out', async () => {
    const serving = new ManualServing()
    await serving.set('iris', { champion: v1, challenger: v2 })
    await serving.set('iris', { champion: v1 })
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    expect(serving.models.get(v1.source)?.unloaded).toBe(false)
    expect(codeOf(() => serving.serving('iris', 'challenger'))).toBe('MODEL_NOT_FOUND')
  })

  it('forgets a model whose set is empty, once its last request is out', async () => {
    const serving = await servingV1()
    const lease = serving.manager.acquire({ name: 'iris' })
    await serving.set('iris', {})
    expect(codeOf(() => serving.serving('iris'))).toBe('MODEL_NOT_FOUND')
    expect(serving.manager.status()).toMatchObject([
      { name: 'iris', versions: [{ version: '1', state: 'draining', leases: 1 }] },
    ])
    lease.release()
    await serving.manager.settled()
    expect(serving.manager.status()).toEqual([])
  })

  it('lets the next model answer requests without a name when the first is removed', async () => {
    const serving = await servingV1()
    await serving.set('churn', { champion: version('churn', 7) })
    await serving.set('iris', {})
    await serving.manager.settled()
    expect(serving.manager.acquire({}).model.name).toBe('churn')
  })

  it('leaves other models alone', async () => {
    const serving = await servingV1()
    await serving.set('churn', { champion: version('churn', 7) })
    await serving.set('iris', {})
    expect(serving.serving('churn')).toBe('7')
  })

  it('cancels the load of a version that is not wanted any more', async () => {
    const { serving, load, done } = await loadingV2()
    await serving.set('iris', { champion: v1 })
    await done
    expect(load.aborted()).toBe(true)
    expect(serving.serving('iris')).toBe('1')
    await serving.manager.settled()
    expect(serving.moves.at(-1)).toBe('2 closed')
    expect(serving.released).toEqual([v2.source])
    expect(serving.seen('swap').at(-1)).toMatchObject({
      from: '1',
      to: '2',
      result: 'superseded',
      reason: 'version 1 is wanted now',
    })
  })

  it('gives back what a load brings that would not be cancelled', async () => {
    const serving = await servingV1()
    const load = serving.loads.hold(v2.source, true)
    const first = serving.set('iris', { champion: v2 })
    await load.begun
    void serving.set('iris', { champion: v1 })
    load.finish()
    await first
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    expect(serving.released).toEqual([v2.source])
    expect(serving.moves.slice(-2)).toEqual(['2 loading', '2 closed'])
  })

  it('follows an alias that flaps from 1 to 2 to 1 to 2', async () => {
    const { serving, load, done } = await loadingV2()
    void serving.set('iris', { champion: v1 })
    await serving.set('iris', { champion: v2 })
    await done
    expect(load.aborted()).toBe(true)
    expect(serving.serving('iris')).toBe('2')
    expect(serving.loads.begun).toEqual([v1.source, v2.source, v2.source])
  })
})

describe('promise 2: a version that is wanted and ready is never unloaded on its own', () => {
  it.each([
    ['the registry is down', new ServingError('REGISTRY_UNAVAILABLE', 'no answer')],
    ['the registry refuses', new ServingError('REGISTRY_DENIED', 'wrong password')],
    ['the alias was deleted', new ServingError('ALIAS_NOT_FOUND', 'no alias "champion"')],
    ['the version was deleted', new ServingError('VERSION_NOT_FOUND', 'no version 1')],
    ['the model was deleted', new ServingError('MODEL_NOT_FOUND', 'no model "iris"')],
  ])('when %s', async (_, error) => {
    const serving = await servingV1()
    await serving.set('iris', { champion: error })
    serving.clock.advance(86_400_000)
    await serving.manager.reconcile()
    expect(serving.serving('iris')).toBe('1')
    expect(serving.manager.ready()).toBe(true)
    expect(serving.manager.modelStatus('iris').refs[0]?.error).toMatchObject({ code: error.code })
    await serving.set('iris', { champion: v1 })
    expect(serving.manager.modelStatus('iris').refs[0]?.error).toBeUndefined()
    expect(serving.loads.begun).toEqual([v1.source])
  })

  it('goes on loading when the registry stops answering, but not when it says the alias is gone', async () => {
    const silent = await loadingV2()
    void silent.serving.set('iris', { champion: new ServingError('REGISTRY_UNAVAILABLE', '') })
    silent.load.finish()
    await silent.done
    expect(silent.serving.serving('iris')).toBe('2')

    const gone = await loadingV2()
    await gone.serving.set('iris', { champion: new ServingError('ALIAS_NOT_FOUND', '') })
    expect(gone.load.aborted()).toBe(true)
    expect(gone.serving.serving('iris')).toBe('1')
  })

  it('is shared by the references that name it', async () => {
    const serving = new ManualServing()
    await serving.set('iris', { champion: v1, challenger: v1 })
    expect(serving.loads.begun).toEqual([v1.source])
    await serving.set('iris', { champion: v2, challenger: v1 })
    await serving.manager.settled()
    expect(serving.serving('iris', 'champion')).toBe('2')
    expect(serving.serving('iris', 'challenger')).toBe('1')
    expect(serving.models.get(v1.source)?.unloaded).toBe(false)
  })
})

describe('promise 3: while the new version is not ready the old one serves', () => {
  it('through a slow load', async () => {
    const { serving, load, done } = await loadingV2()
    expect(serving.serving('iris')).toBe('1')
    load.finish()
    await done
    expect(serving.serving('iris')).toBe('2')
  })

  it.each(['downloads', 'loads'] as const)('through failing %s', async (step) => {
    const serving = await servingV1()
    serving[step].break(v2.source, loadFailed())
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('1')
    expect(serving.manager.ready()).toBe(true)
    await serving.manager.settled()
    expect(serving.models.get(v1.source)?.unloaded).toBe(false)
    expect(serving.seen('swap').at(-1)).toMatchObject({ from: '1', to: '2', result: 'failed' })
    expect(serving.manager.modelStatus('iris')).toMatchObject({
      refs: [{ ref: 'champion', serving: '1', desired: '2' }],
      versions: [
        { version: '1', state: 'ready' },
        {
          version: '2',
          state: 'failed',
          failure: {
            code: 'LOAD_FAILED',
            message: 'the file is corrupt',
            stage: step === 'downloads' ? 'downloading' : 'loading',
            attempts: 1,
            at: '2026-01-01T00:00:00.000Z',
            nextTryAt: '2026-01-01T00:00:01.000Z',
          },
        },
      ],
    })
  })

  it('calls a warm-up that fails a failure of warming', async () => {
    const serving = await servingV1()
    serving.loads.break(v2.source, new ServingError('MODEL_FAILED', 'wrong shape'))
    await serving.set('iris', { champion: v2 })
    expect(serving.manager.modelStatus('iris').versions.at(-1)?.failure?.stage).toBe('warming')
  })

  it('gives back what a version took hold of before it failed', async () => {
    const serving = await servingV1({}, [], (_manifest, _info, { version: number }) => {
      if (number === '2') throw new ServingError('MODEL_INVALID', 'inputs do not fit the signature')
      return { madeFor: number }
    })
    await serving.set('iris', { champion: v2 })
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    expect(serving.released).toEqual([v2.source])
    expect(serving.manager.modelStatus('iris').versions.at(-1)?.failure).toMatchObject({
      code: 'MODEL_INVALID',
      stage: 'warming',
    })
  })

  it('refuses what a gate refuses, and shows the gate both versions', async () => {
    const shown: (string | undefined)[] = []
    const serving = await servingV1({}, [
      async (candidate, old) => {
        const { version } = candidate.registered
        shown.push(`${old?.version} -> ${version}`)
        if (version === '2') throw new ServingError('MODEL_FAILED', 'NaN in 3 of 40')
        return {}
      },
    ])
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('1')
    await serving.set('iris', { champion: v3 })
    expect(serving.serving('iris')).toBe('3')
    expect(shown).toEqual(['undefined -> 1', '1 -> 2', '1 -> 3'])
    expect(serving.manager.modelStatus('iris').versions.at(-1)?.failure).toMatchObject({
      stage: 'warming',
      message: 'NaN in 3 of 40',
    })
  })
})

describe('promise 4: acquire never waits and never loads', () => {
  it('does not know other names, references and versions', async () => {
    const serving = new ManualServing()
    expect(codeOf(() => serving.manager.acquire({}))).toBe('MODEL_NOT_FOUND')
    await serving.set('iris', { champion: v1 })
    expect(() => serving.manager.acquire({ name: 'irsi' })).toThrow(
      'There is no model "irsi" (models: iris)',
    )
    expect(() => serving.manager.acquire({ name: 'iris', ref: 'chmapion' })).toThrow(
      'Model "iris" is not served as "chmapion" (served: champion)',
    )
    expect(() => serving.manager.acquire({ name: 'iris', version: '9' })).toThrow(
      'Version 9 of model "iris" is not loaded (loaded: 1)',
    )
    expect(serving.loads.begun).toEqual([v1.source])
  })

  it('says how far a model is that does not serve yet', async () => {
    const serving = new ManualServing()
    serving.manager.declare('iris', ['champion'])
    expect(() => serving.manager.acquire({})).toThrow(
      'Model "iris" is not ready: "champion" not resolved yet',
    )
    const error = new ServingError('REGISTRY_UNAVAILABLE', 'the registry does not answer')
    await serving.set('iris', { champion: error })
    expect(() => serving.manager.acquire({})).toThrow('the registry does not answer')
    const load = serving.loads.hold(v1.source)
    const done = serving.set('iris', { champion: v1 })
    await load.begun
    expect(() => serving.manager.acquire({})).toThrow('version 1 is loading')
    load.fail(loadFailed())
    await done
    try {
      serving.manager.acquire({ name: 'iris', ref: 'champion' })
      expect.unreachable()
    } catch (refusal) {
      expect(refusal).toMatchObject({
        code: 'MODEL_NOT_READY',
        message:
          'Model "iris" is not ready: version 1 is failed; it failed while loading: the file is corrupt',
        details: {
          state: 'failed',
          stage: 'loading',
          code: 'LOAD_FAILED',
          reason: 'the file is corrupt',
          nextTryAt: '2026-01-01T00:00:01.000Z',
        },
      })
    }
  })

  it('finds the first model, its first reference, any reference, and any loaded version', async () => {
    const serving = new ManualServing()
    serving.manager.declare('iris', ['champion', 'challenger'])
    await serving.set('churn', { champion: version('churn', 7) })
    await serving.set('iris', { champion: v1, challenger: v2 })
    const found = [
      serving.manager.acquire({}),
      serving.manager.acquire({ name: 'iris', ref: 'challenger' }),
      serving.manager.acquire({ name: 'iris', version: '2' }),
      serving.manager.acquire({ name: 'churn' }),
    ]
    expect(found.map(({ model }) => `${model.name} ${model.version}`)).toEqual([
      'iris 1',
      'iris 2',
      'iris 2',
      'churn 7',
    ])
  })

  it('calls a version by its number that is on its way or has failed not ready', async () => {
    const { serving, load, done } = await loadingV2()
    const byNumber = () => serving.manager.acquire({ name: 'iris', version: '2' })
    expect(codeOf(byNumber)).toBe('MODEL_NOT_READY')
    load.fail(loadFailed())
    await done
    expect(codeOf(byNumber)).toBe('MODEL_NOT_READY')
  })
})

describe("promise 5: nobody's request is cut by a swap", () => {
  it('lets the requests inside the old version finish there', async () => {
    const serving = await servingV1()
    const lease = serving.manager.acquire({})
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('2')
    serving.clock.advance(29_999)
    const answer = await lease.model.predict(oneRow())
    expect(answer.y?.data).toEqual(Float32Array.of(1 + 2 + 1))
    lease.release()
    await serving.manager.settled()
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    expect(serving.seen('drain')).toEqual([
      { model: 'iris', version: '1', durationMs: 29_999, cutRequests: 0 },
    ])
  })

  it('cuts and counts what outlasts the drain timeout', async () => {
    const serving = await servingV1({ drainTimeoutMs: 100 })
    const model = serving.models.get(v1.source)
    let finish = (): void => {}
    if (model !== undefined) {
      model.gate = new Promise((resolve) => {
        finish = resolve
      })
    }
    const running = serving.manager.acquire({})
    const answer = running.model.predict(oneRow())
    const reading = serving.manager.acquire({})
    await new Promise((resolve) => setImmediate(resolve))
    await serving.set('iris', { champion: v2 })
    serving.clock.advance(100)
    await expect(answer).rejects.toMatchObject({ code: 'MODEL_NOT_READY' })
    running.release()
    expect(model?.unloaded).toBe(false)
    finish()
    await serving.manager.settled()
    expect(model?.unloaded).toBe(true)
    expect(serving.seen('drain')).toMatchObject([{ version: '1', cutRequests: 2 }])
    await expect(reading.model.predict(oneRow())).rejects.toMatchObject({
      code: 'MODEL_NOT_READY',
    })
  })

  it('counts a lease once, however often it is released', async () => {
    const serving = await servingV1()
    const [one, two] = [serving.manager.acquire({}), serving.manager.acquire({})]
    one.release()
    one.release()
    await serving.set('iris', { champion: v2 })
    expect(serving.models.get(v1.source)?.unloaded).toBe(false)
    two.release()
    await serving.manager.settled()
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
  })

  it('swaps between two ticks: no moment without a version, and none with two', async () => {
    const { serving, load, done } = await loadingV2()
    const seen: string[] = []
    serving.events.on('version', ({ version: number, state }) => {
      if (number === '2' && state === 'ready') seen.push(`ready: ${serving.serving('iris')}`)
    })
    serving.events.on('swap', () => seen.push(`swap: ${serving.serving('iris')}`))
    load.finish()
    await done
    expect(seen).toEqual(['ready: 1', 'swap: 2'])
    expect(serving.listenerErrors).toEqual([])
  })
})

describe('promise 6: a version is not given back to the loop of failure', () => {
  it('tries a failed version again after a delay that doubles up to a limit', async () => {
    const serving = await servingV1({ backoff: { firstMs: 1_000, maxMs: 4_000 } })
    serving.loads.break(v2.source, loadFailed())
    await serving.set('iris', { champion: v2 })
    const tries: number[] = []
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const before = serving.loads.begun.length
      const waited = serving.clock.nextIn ?? 0
      serving.clock.advance(waited - 1)
      await serving.manager.reconcile()
      expect(serving.loads.begun).toHaveLength(before)
      serving.clock.advance(1)
      await serving.manager.settled()
      expect(serving.loads.begun).toHaveLength(before + 1)
      tries.push(waited)
    }
    expect(tries).toEqual([1_000, 2_000, 4_000, 4_000])
    serving.loads.mend(v2.source)
    serving.clock.advance(4_000)
    await serving.manager.settled()
    expect(serving.serving('iris')).toBe('2')
    expect(serving.manager.modelStatus('iris').versions).toMatchObject([
      { version: '2', failure: undefined },
    ])
  })

  it('keeps to the delay when the alias flaps or the clock jumps', async () => {
    const serving = await servingV1()
    serving.loads.break(v2.source, loadFailed())
    await serving.set('iris', { champion: v2 })
    serving.clock.setNow(Date.UTC(2020, 0, 1))
    await serving.set('iris', { champion: v1 })
    await serving.set('iris', { champion: v2 })
    expect(serving.loads.begun).toEqual([v1.source, v2.source])
    serving.clock.advance(1_000)
    await serving.manager.settled()
    expect(serving.loads.begun).toHaveLength(3)
  })

  it('tries at once what was registered again, and what a person clears', async () => {
    const serving = await servingV1()
    serving.loads.break(v2.source, loadFailed())
    await serving.set('iris', { champion: v2 })
    const again = version('iris', 2, 'registered-again')
    serving.loads.break(again.source, loadFailed())
    await serving.set('iris', { champion: again })
    serving.loads.mend(again.source)
    expect(serving.manager.clear('iris', '7')).toBe(0)
    expect(serving.manager.clear('iris', '2')).toBe(2)
    await serving.manager.reconcile()
    expect(serving.serving('iris')).toBe('2')
  })

  it('does not try again what was taken back, until the alias moves', async () => {
    const serving = await servingV1({ probation: { durationMs: 60_000 } })
    await serving.set('iris', { champion: v2 })
    expect(serving.manager.takeBack('iris', 'champion', '12 of 40 requests failed')).toBe(true)
    expect(serving.serving('iris')).toBe('1')
    await serving.manager.settled()
    expect(serving.models.get(v2.source)?.unloaded).toBe(true)
    serving.clock.advance(86_400_000)
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('1')
    expect(serving.manager.modelStatus('iris').versions.at(-1)).toMatchObject({
      version: '2',
      state: 'failed',
      failure: {
        message: 'Taken back: 12 of 40 requests failed',
        stage: 'ready',
        nextTryAt: undefined,
      },
    })
    await serving.set('iris', { champion: v1 })
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('2')
  })

  it('takes back every reference of the bad version, and no other', async () => {
    const serving = new ManualServing({ probation: { durationMs: 60_000 } })
    await serving.set('iris', { champion: v1, next: v1, fixed: v3 })
    await serving.set('iris', { champion: v2, next: v2, fixed: v3 })
    expect(serving.manager.takeBack('iris', 'champion', 'slow')).toBe(true)
    expect(serving.seen('swap').filter(({ ref }) => ref === 'fixed')).toHaveLength(1)
    const { refs, versions } = serving.manager.modelStatus('iris')
    expect(refs.map(({ ref, serving: number }) => `${ref} ${number}`)).toEqual([
      'champion 1',
      'next 1',
      'fixed 3',
    ])
    expect(versions.map(({ version: number, state }) => `${number} ${state}`)).toEqual([
      '1 ready',
      '3 ready',
      '2 failed',
    ])
  })

  it('takes back only to a version that is still loaded', async () => {
    const serving = await servingV1()
    expect(serving.manager.takeBack('iris', 'champion', 'slow')).toBe(false)
    await serving.set('iris', { champion: v2 })
    await serving.manager.settled()
    expect(serving.manager.takeBack('iris', 'champion', 'slow')).toBe(false)
    expect(serving.serving('iris')).toBe('2')
  })
})

describe('promise 7: first load and every later swap go through the same code', () => {
  it('with the same states and events', async () => {
    const serving = await servingV1()
    const first = serving.moves.map((move) => move.replace('1 ', ''))
    await serving.set('iris', { champion: v2 })
    const second = serving.moves.slice(first.length).filter((move) => move.startsWith('2 '))
    expect(second.map((move) => move.replace('2 ', ''))).toEqual(first)
    expect(serving.seen('swap')).toMatchObject([
      { ref: 'champion', from: undefined, to: '1', result: 'swapped' },
      { ref: 'champion', from: '1', to: '2', result: 'swapped' },
    ])
  })

  it('also back to a smaller version', async () => {
    const serving = await servingV1()
    for (const next of [v3, v1, v2]) {
      await serving.set('iris', { champion: next })
      expect(serving.serving('iris')).toBe(next.version)
    }
    await serving.manager.settled()
    expect(serving.manager.modelStatus('iris').versions).toHaveLength(1)
  })

  it('also to the same number registered again', async () => {
    const serving = await servingV1()
    const again = version('iris', 1, 'registered-again')
    await serving.set('iris', { champion: again })
    await serving.manager.settled()
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    expect(serving.models.get(again.source)?.unloaded).toBe(false)
    expect(serving.manager.modelStatus('iris').refs[0]?.why).toBe('version 1 was registered again')
  })
})
