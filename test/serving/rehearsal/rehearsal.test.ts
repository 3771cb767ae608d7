import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { LoadedModel, LoadedModelInfo } from '../../../src/interfaces.ts'
import type { NamedTensors } from '../../../src/model/tensor.ts'
import { Batcher } from '../../../src/serving/batching/batcher.ts'
import type { RequestReader } from '../../../src/serving/rehearsal/answering.ts'
import { type Exchange, ExchangeRing } from '../../../src/serving/rehearsal/exchange-ring.ts'
import { Rehearsal } from '../../../src/serving/rehearsal/rehearsal.ts'
import {
  DEFAULT_REHEARSAL_SETTINGS,
  type RehearsalSettings,
} from '../../../src/serving/rehearsal/rehearsal-settings.ts'
import type { RehearsalReport } from '../../../src/serving/rehearsal/report.ts'
import { ServedModel } from '../../../src/serving/served-model.ts'
import { DEFAULT_BATCH_SETTINGS } from '../../../src/serving/settings.ts'
import { plainManifest } from '../../engines/support/models.ts'
import { ManualClock } from '../../manual-clock.ts'
import { version } from '../support/manual-serving.ts'
import { values } from '../support/row-model.ts'
import { answer } from './answers.ts'

const INFO: LoadedModelInfo = {
  engine: 'doubling',
  inputs: [{ name: 'x', dtype: 'float64', shape: [-1] }],
  outputs: [{ name: 'y', dtype: 'float64', shape: [-1] }],
  loadMs: 1,
  warmupMs: undefined,
}

/** Doubles numbers; each run takes time by the clock that the test turns. */
class Doubling implements LoadedModel {
  readonly info = INFO
  readonly parallelism = 1
  readonly #clock: ManualClock
  readonly #runMs: (run: number) => number
  runs = 0
  cpuMs: number | undefined

  constructor(clock: ManualClock, runMs: (run: number) => number) {
    this.#clock = clock
    this.#runMs = runMs
  }

  async run({ x }: NamedTensors): Promise<NamedTensors> {
    this.#clock.advance(this.#runMs(this.runs))
    this.runs += 1
    const data = Float64Array.from(values(x), (value) => 2 * Number(value))
    return { y: { dtype: 'float64', shape: [data.length], data } }
  }

  async unload(): Promise<void> {}
}

/** Requests and answers are JSON lists of numbers. */
const READER: RequestReader<undefined> = {
  exchangesOf: () => new ExchangeRing({ requests: 0, maxBytes: 0 }),
  read: async (_contract, _media, body) => {
    const data = Float64Array.from(JSON.parse(new TextDecoder().decode(body)))
    return {
      feeds: { x: { dtype: 'float64', shape: [data.length], data } },
      write: ({ y }) => `[${values(y).map((value) => Number(value).toFixed(3))}]`,
    }
  },
  parse: (json) => answer(new TextDecoder().decode(json)),
  write: (value) => new TextEncoder().encode(JSON.stringify(value)),
}

const exchange = (value: number, runMs: number): Exchange => ({
  media: 'application/json',
  body: new TextEncoder().encode(`[${value}]`),
  answer: new TextEncoder().encode(`[${(2 * value).toFixed(3)}]`),
  runMs,
})

const exchanges = (count: number, runMs: number) =>
  Array.from({ length: count }, (_, i) => exchange(i, runMs))

function servedBy(model: LoadedModel, clock: ManualClock): ServedModel<undefined> {
  const served = new ServedModel<undefined>(version('churn', 1), 'wanted', clock, () => {})
  for (const state of ['downloading', 'loading', 'warming', 'ready'] as const) {
    served.move(state, 'test')
  }
  const batcher = new Batcher({ model, settings: DEFAULT_BATCH_SETTINGS, clock })
  served.own(model)
  served.equip({ batcher, contract: undefined, manifest: plainManifest() })
  return served
}

interface Scene {
  readonly candidateMs: (run: number) => number
  readonly servingMs?: number
  readonly candidate?: (model: Doubling) => LoadedModel
  readonly settings?: Partial<RehearsalSettings>
  readonly servingThreads?: number
  readonly signal?: AbortSignal
}

function rehearse(requests: readonly Exchange[], scene: Scene) {
  const clock = new ManualClock()
  const old = new Doubling(clock, () => scene.servingMs ?? 1)
  const fresh = new Doubling(clock, scene.candidateMs)
  const rehearsal = new Rehearsal<undefined>({
    candidate: {
      registered: version('churn', 2),
      folder: '',
      manifest: plainManifest(),
      model: scene.candidate?.(fresh) ?? fresh,
      contract: undefined,
    },
    serving: servedBy(old, clock),
    source: 'traffic',
    settings: { ...DEFAULT_REHEARSAL_SETTINGS, ...scene.settings },
    servingThreads: scene.servingThreads ?? 1,
    reader: READER,
    clock,
    signal: scene.signal ?? new AbortController().signal,
  })
  return { report: rehearsal.run(requests), old, fresh, clock }
}

async function ratioOf(requests: readonly Exchange[], scene: Scene): Promise<number | undefined> {
  return (await rehearse(requests, scene).report)?.latencyRatio
}

describe('run times of two versions', () => {
  it('are compared with those of the live requests, and nothing is asked of the serving version', async () => {
    const { report, old } = rehearse(exchanges(10, 4), { candidateMs: () => 8 })
    expect(await report).toMatchObject({ runMs: 8, servingRunMs: 4, latencyRatio: 2, requests: 10 })
    expect(old.runs).toBe(0)
  })

  it('are measured again, beside the serving version, before one is called slow', async () => {
    // The machine was busy for the first forty runs of the new version, and is not any more.
    const candidateMs = (run: number) => (run < 24 ? 200 : 4)
    const { report, old } = rehearse(exchanges(20, 4), { candidateMs, servingMs: 4 })
    expect((await report)?.latencyRatio).toBe(1)
    expect(old.runs).toBe(5)
  })

  it('of one that is slow each time are what they are', async () => {
    expect(await ratioOf(exchanges(20, 4), { candidateMs: () => 200, servingMs: 4 })).toBe(50)
  })

  it('of CPU time count where a process of low priority waits for longer than it works', async () => {
    const starved = (model: Doubling): LoadedModel => ({
      info: INFO,
      parallelism: 1,
      get cpuMs() {
        return model.runs * 5
      },
      run: (feeds) => model.run(feeds),
      unload: () => model.unload(),
    })
    const scene = { candidateMs: () => 400, candidate: starved }
    expect(await ratioOf(exchanges(10, 5), scene)).toBe(1)
  })

  it('of a run that several threads share are as long as in one', async () => {
    expect(await ratioOf(exchanges(10, 5), { candidateMs: () => 40, servingThreads: 8 })).toBe(1)
  })
})

describe('a rehearsal', () => {
  it('has an end: what was compared by then decides', async () => {
    const settings = { timeoutMs: 1000, maxLatencyRatio: 0 }
    const { report } = rehearse(exchanges(64, 4), { candidateMs: () => 300, settings })
    expect(await report).toMatchObject({ requests: 2, errors: 0 })
  })

  it('is failed by a request that is never answered', async () => {
    const hanging = (model: Doubling): LoadedModel => ({
      info: INFO,
      parallelism: 1,
      run: () => new Promise(() => {}),
      unload: () => model.unload(),
    })
    const { report, clock } = rehearse(exchanges(3, 4), {
      candidateMs: () => 0,
      candidate: hanging,
    })
    const refused = expect(report).rejects.toMatchObject({
      code: 'REHEARSAL_FAILED',
      message:
        'A request that version 1 ran in 4.0 ms was not answered within 30000 ms (--rehearsal-timeout)',
    })
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(30_000)
    await refused
  })

  it('ends when the version is not wanted any more', async () => {
    const abort = new AbortController()
    const reason = new ServingError('LOAD_FAILED', 'not wanted')
    const { report } = rehearse(exchanges(3, 4), {
      candidateMs: () => {
        abort.abort(reason)
        return 1
      },
      signal: abort.signal,
    })
    await expect(report).rejects.toBe(reason)
  })

  it('counts what the new version refuses, and names it by its code alone', async () => {
    const picky = (model: Doubling): LoadedModel => ({
      info: INFO,
      parallelism: 1,
      run: async (feeds) => {
        if (Number(feeds.x?.data[0]) % 5 === 3) throw new ServingError('MODEL_FAILED', 'no 3')
        return model.run(feeds)
      },
      unload: () => model.unload(),
    })
    const { report } = rehearse(exchanges(10, 4), { candidateMs: () => 1, candidate: picky })
    const expected: Partial<RehearsalReport> = {
      requests: 10,
      errors: 2,
      firstError: 'MODEL_FAILED',
    }
    expect(await report).toMatchObject(expected)
  })

  it('is no measure of a process that has ended', async () => {
    const lost = new ServingError('TRIAL_FAILED', 'ended by SIGSEGV')
    const dying = (model: Doubling): LoadedModel => ({
      info: INFO,
      parallelism: 1,
      run: () => Promise.reject(lost),
      unload: () => model.unload(),
    })
    const { report } = rehearse(exchanges(2, 4), { candidateMs: () => 1, candidate: dying })
    await expect(report).rejects.toBe(lost)
  })

  it('of nothing reports nothing', async () => {
    expect(await rehearse([], { candidateMs: () => 1 }).report).toBeUndefined()
  })
})
