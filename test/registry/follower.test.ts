import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import type { Registry, Resolution } from '../../src/interfaces.ts'
import { formatModelRef, type ModelRef, parseModelUri } from '../../src/model/model-uri.ts'
import { RegistryFollower } from '../../src/registry/follower.ts'
import { ManualClock } from '../manual-clock.ts'

interface Call {
  readonly uris: readonly string[]
  readonly signal: AbortSignal
  answer(...resolutions: Resolution[]): Promise<void>
  fail(error: Error): Promise<void>
}

/** A registry whose every answer the test gives. */
class HandRegistry implements Registry {
  readonly location = 'hand'
  readonly calls: Call[] = []
  onHint: ((name: string) => void) | undefined

  resolve(refs: readonly ModelRef[], signal: AbortSignal): Promise<readonly Resolution[]> {
    return new Promise((resolve, reject) => {
      this.calls.push({
        uris: refs.map(formatModelRef),
        signal,
        answer: async (...resolutions) => {
          resolve(resolutions)
          await turn()
        },
        fail: async (error) => {
          reject(error)
          await turn()
        },
      })
    })
  }

  watch(onHint: (name: string) => void): () => void {
    this.onHint = onHint
    return () => {
      this.onHint = undefined
    }
  }

  /** The call under way. */
  get call(): Call {
    const call = this.calls.at(-1)
    if (call === undefined) throw new Error('expected a call')
    return call
  }
}

let registry: HandRegistry
let clock: ManualClock
let events: unknown[]
let random: number
let follower: RegistryFollower

beforeEach(() => {
  registry = new HandRegistry()
  clock = new ManualClock(0)
  events = []
  random = 0
})

afterEach(() => follower.stop())

/** Follows `uris` with polls every 5 s, at most 60 s between tries and 500 ms between polls. */
function follow(...uris: string[]): void {
  follower = new RegistryFollower({
    registry,
    refs: uris.map(parseModelUri),
    intervalMs: 5000,
    clock,
    random: () => random,
    onResolved: (name, all) =>
      events.push([name, all.map(({ resolution }) => shown(resolution)).join(' ')]),
    onFailure: (name, error, nextTryAt) => events.push([name, error.code, nextTryAt - clock.now()]),
  })
  follower.start()
  clock.advance(0)
}

const down = new ServingError('REGISTRY_UNAVAILABLE', 'down')
const noAlias = new ServingError('ALIAS_NOT_FOUND', 'none')

describe('polling', () => {
  it('starts at once, tells what was resolved, and goes on every interval', async () => {
    follow('models:/churn@champion')
    await registry.call.answer(version('3'))
    expect(events).toEqual([['churn', '3']])
    clock.advance(4999)
    expect(registry.calls).toHaveLength(1)
    clock.advance(1)
    expect(registry.calls).toHaveLength(2)
    await registry.call.answer(version('4'))
    expect(events).toEqual([
      ['churn', '3'],
      ['churn', '4'],
    ])
  })

  it('comes up to a fifth sooner, never later', async () => {
    follow('models:/churn@champion')
    random = 0.999
    await registry.call.answer(version('3'))
    expect(clock.nextIn).toBe(4500)
    clock.advance(4500)
    random = 0.001
    clock.advance(250)
    await registry.call.answer(version('3'))
    expect(clock.nextIn).toBe(4750)
  })

  it('wakes up once for the polls of several models', async () => {
    follow('models:/churn@champion', 'models:/fraud@champion')
    const [churn, fraud] = registry.calls
    random = 0.01
    await churn?.answer(version('3'))
    random = 0.09
    await fraud?.answer(version('3'))
    clock.advance(4500)
    expect(registry.calls).toHaveLength(4)
  })

  it('asks once for all references of a model, and apart for each model', () => {
    follow('models:/churn@champion', 'models:/fraud/latest', 'models:/churn@challenger')
    expect(registry.calls.map((call) => call.uris)).toEqual([
      ['models:/churn@champion', 'models:/churn@challenger'],
      ['models:/fraud/latest'],
    ])
  })

  it('never asks twice at a time for a model', async () => {
    follow('models:/churn@champion')
    clock.advance(10_000)
    follower.hint('churn')
    clock.advance(1000)
    expect(registry.calls).toHaveLength(1)
  })

  it('passes on the errors of single references with what the others mean', async () => {
    follow('models:/churn@champion', 'models:/churn@gone')
    await registry.call.answer(version('3'), noAlias)
    expect(events).toEqual([['churn', '3 ALIAS_NOT_FOUND']])
    expect(clock.nextIn).toBe(5000)
  })
})

describe('a fixed version', () => {
  it('is resolved once and not polled', async () => {
    follow('models:/churn/3', 's3://bucket/fraud')
    for (const call of [...registry.calls]) await call.answer(version('3'))
    expect(clock.pending).toBe(0)
    follower.hint()
    clock.advance(100_000)
    expect(registry.calls).toHaveLength(2)
  })

  it('is asked for until it resolves', async () => {
    follow('models:/churn/3')
    await registry.call.answer(new ServingError('VERSION_NOT_FOUND', 'no 3'))
    clock.advance(5000)
    await registry.call.answer(version('3'))
    expect(events).toEqual([
      ['churn', 'VERSION_NOT_FOUND'],
      ['churn', '3'],
    ])
    expect(clock.pending).toBe(0)
  })

  it('is told again with each poll of the aliases beside it, without being asked for', async () => {
    follow('models:/churn/1', 'models:/churn@champion')
    await registry.call.answer(version('1'), version('3'))
    clock.advance(5000)
    expect(registry.call.uris).toEqual(['models:/churn@champion'])
    await registry.call.answer(version('4'))
    expect(events.at(-1)).toEqual(['churn', '1 4'])
  })
})

describe('a failing registry', () => {
  it('is asked less and less often, up to a limit, and as before once it answers', async () => {
    follow('models:/churn@champion')
    const waits: unknown[] = []
    for (let failure = 0; failure < 6; failure++) {
      await registry.call.fail(down)
      waits.push(clock.nextIn)
      clock.advance(clock.nextIn ?? 0)
    }
    expect(waits).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
    expect(events.at(-1)).toEqual(['churn', 'REGISTRY_UNAVAILABLE', 60_000])
    await registry.call.answer(version('3'))
    expect(clock.nextIn).toBe(5000)
  })

  it('is tried at a random time in the second half of each wait', async () => {
    follow('models:/churn@champion')
    random = 0.999
    await registry.call.fail(down)
    expect(clock.nextIn).toBeCloseTo(5000, -2)
  })

  it('does not hold up another model', async () => {
    follow('models:/churn@champion', 'models:/fraud@champion')
    const [churn, fraud] = [...registry.calls]
    await churn?.fail(down)
    await fraud?.answer(version('7'))
    expect(events).toEqual([
      ['churn', 'REGISTRY_UNAVAILABLE', 10_000],
      ['fraud', '7'],
    ])
  })

  it('that does not answer at all is given up after 15 s', async () => {
    follow('models:/churn@champion')
    clock.advance(15_000)
    await turn()
    expect(registry.call.signal.aborted).toBe(true)
    expect(events).toEqual([['churn', 'REGISTRY_UNAVAILABLE', 10_000]])
    await registry.call.answer(version('3'))
    expect(events).toHaveLength(1)
  })

  it('that lacks the model has answered: no longer waits', async () => {
    follow('models:/churn@champion')
    await registry.call.fail(new ServingError('MODEL_NOT_FOUND', 'no churn'))
    expect(events).toEqual([['churn', 'MODEL_NOT_FOUND', 5000]])
    expect(follower.status()).toMatchObject([{ lastContactAt: 0 }])
  })

  it('may throw anything', async () => {
    follow('models:/churn@champion')
    await registry.call.fail(new TypeError('odd'))
    expect(follower.status()).toMatchObject([{ error: { code: 'REGISTRY_UNAVAILABLE' } }])
  })
})

describe('a hint', () => {
  it('polls now', async () => {
    follow('models:/churn@champion')
    await registry.call.answer(version('3'))
    clock.advance(2000)
    follower.hint('churn')
    clock.advance(0)
    expect(registry.calls).toHaveLength(2)
  })

  it('polls now while the registry fails', async () => {
    follow('models:/churn@champion')
    await registry.call.fail(down)
    clock.advance(2000)
    follower.hint('churn')
    clock.advance(0)
    expect(registry.calls).toHaveLength(2)
  })

  it('is one with others that come together, and bounded to two polls a second', async () => {
    follow('models:/churn@champion')
    await registry.call.answer(version('3'))
    for (let tick = 0; tick < 100; tick++) {
      follower.hint('churn')
      clock.advance(10)
      await registry.call.answer(version('3'))
    }
    // At 0, 500 and 1000 ms.
    expect(registry.calls).toHaveLength(3)
  })

  it('during a poll is followed by another poll, which asks after the change', async () => {
    follow('models:/churn@champion')
    clock.advance(600)
    follower.hint('churn')
    await registry.call.answer(version('3'))
    clock.advance(0)
    expect(registry.calls).toHaveLength(2)
    await registry.call.answer(version('4'))
    expect(clock.nextIn).toBe(4900)
  })

  it('without a name is for every model, and with an unknown one for none', async () => {
    follow('models:/churn@champion', 'models:/fraud@champion')
    for (const call of [...registry.calls]) await call.answer(version('1'))
    clock.advance(1000)
    follower.hint('other')
    clock.advance(0)
    expect(registry.calls).toHaveLength(2)
    follower.hint()
    clock.advance(0)
    expect(registry.calls).toHaveLength(4)
  })

  it('comes from a registry that watches', async () => {
    follow('models:/churn@champion')
    await registry.call.answer(version('3'))
    clock.advance(1000)
    registry.onHint?.('churn')
    clock.advance(0)
    expect(registry.calls).toHaveLength(2)
  })
})

describe('stop', () => {
  it('aborts what is under way and says nothing more', async () => {
    follow('models:/churn@champion')
    const { call } = registry
    await follower.stop()
    expect(call.signal.aborted).toBe(true)
    await call.answer(version('3'))
    follower.hint('churn')
    clock.advance(100_000)
    expect([events, registry.calls.length, clock.pending]).toEqual([[], 1, 0])
    expect(registry.onHint).toBeUndefined()
  })
})

describe('status', () => {
  it('tells what is known, since when, and what comes next', async () => {
    follow('models:/churn@champion')
    expect(follower.status()).toMatchObject([
      { name: 'churn', lastContactAt: undefined, nextPollAt: undefined, failures: 0 },
    ])
    clock.advance(100)
    await registry.call.answer(version('3'))
    clock.advance(5000)
    await registry.call.fail(down)
    expect(follower.status()).toMatchObject([
      {
        refs: [{ resolution: { version: '3' } }],
        lastContactAt: 100,
        error: down,
        failures: 1,
        nextPollAt: 15_100,
      },
    ])
  })
})

function version(number: string): Resolution {
  return { name: 'churn', version: number, source: `s3://bucket/${number}`, identity: number }
}

function shown(resolution: Resolution): string {
  return resolution instanceof ServingError ? resolution.code : resolution.version
}
