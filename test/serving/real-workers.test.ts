import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { ServingError } from '../../src/errors.ts'
import type { LoadedModel } from '../../src/interfaces.ts'
import type { BatchReport } from '../../src/serving/batching/batch-run.ts'
import { Batcher } from '../../src/serving/batching/batcher.ts'
import { ServingEvents } from '../../src/serving/events.ts'
import { ModelManager } from '../../src/serving/model-manager.ts'
import { DEFAULT_BATCH_SETTINGS, DEFAULT_MANAGER_SETTINGS } from '../../src/serving/settings.ts'
import { fixture, manifestOf } from '../engines/support/models.ts'
import { loadFixture, openPool, rows } from '../engines/support/pool.ts'
import { values } from './support/row-model.ts'

function batcherOn(model: LoadedModel): { batcher: Batcher; reports: BatchReport[] } {
  const reports: BatchReport[] = []
  const batcher = new Batcher({
    model,
    settings: DEFAULT_BATCH_SETTINGS,
    clock: systemClock,
    observer: (report) => reports.push(report),
  })
  return { batcher, reports }
}

/** What `affine-<version>` answers to a row of four times `value`. */
function affine(value: number, version: number): number[] {
  return [6, 10].map((weight) => Math.fround((weight * value) / 10 + version))
}

describe('batches on real workers', () => {
  it('answer every request with the rows of its own', async () => {
    const { pool } = openPool()
    const { batcher, reports } = batcherOn(await loadFixture(pool, 'affine-1'))
    const requests = Array.from({ length: 200 }, (_, n) =>
      Array.from({ length: 1 + (n % 3) }, (_, row) => Array(4).fill(n + row)),
    )
    const answers = await Promise.all(requests.map((request) => batcher.submit(rows(...request))))
    for (const [n, { y }] of answers.entries()) {
      const expected = (requests[n] ?? []).flatMap(([value]) => affine(value, 1))
      expect(y?.shape).toEqual([requests[n]?.length, 2])
      for (const [i, value] of values(y).entries()) {
        expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 4)
      }
    }
    expect(reports.length).toBeLessThan(10)
  })

  it('carry text and several inputs', async () => {
    const { pool } = openPool()
    const strings = batcherOn(await loadFixture(pool, 'strings')).batcher
    const texts = ['one', 'zwei', '三'].map((text) =>
      strings.submit({ text: { dtype: 'string', shape: [1], data: [text] } }),
    )
    expect((await Promise.all(texts)).map(({ same }) => same?.data)).toEqual([
      ['one'],
      ['zwei'],
      ['三'],
    ])
    const two = batcherOn(await loadFixture(pool, 'two-inputs')).batcher
    const sums = [1, 2].map((n) =>
      two.submit({
        a: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(n, n) },
        b: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(10 * n)) },
      }),
    )
    expect((await Promise.all(sums)).map(({ sum, b2 }) => [values(sum), values(b2)])).toEqual([
      [[11, 11], [20n]],
      [[22, 22], [40n]],
    ])
  })

  it('are not made of a graph that takes one row only', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'fixed-batch')
    const { batcher, reports } = batcherOn(model)
    expect(batcher.obstacle).toContain('is fixed at 1')
    const name = model.info.inputs[0]?.name ?? ''
    await Promise.all([1, 2, 3].map((n) => batcher.submit({ [name]: rows([n, n, n, n]).x })))
    expect(reports.map((report) => report.rows)).toEqual([1, 1, 1])
  })

  it('lose no member when the thread under them exits', async () => {
    const { pool, witness } = openPool()
    const { batcher } = batcherOn(await loadFixture(pool, 'affine-1'))
    const answers = [1, 2, 3].map((n) => batcher.submit(rows([n, n, n, n])))
    // Before the batch is posted, which is then lost with the thread: running it takes less time than ending a thread.
    void witness.threads[0]?.terminate()
    expect((await Promise.all(answers)).map(({ y }) => values(y).map(Number))).toEqual(
      [1, 2, 3].map((n) => affine(n, 1).map((value) => expect.closeTo(value, 4))),
    )
    expect(witness.ended).toMatchObject([{ end: 'exited' }])
  })
})

describe('a hand-over on real workers', () => {
  it('under constant requests loses none, and each answer is of the version it names', async () => {
    const { pool, witness } = openPool()
    const models = new ModelManager<string>({
      clock: systemClock,
      events: new ServingEvents((error) => {
        throw error
      }),
      artifacts: {
        acquire: async ({ source }) => ({ folder: source, bytes: 0, release: () => {} }),
      },
      loaderFor: () => pool,
      readManifest: async (folder) => manifestOf(folder),
      makeContract: (_manifest, _info, { version }) => version,
      batchSettingsFor: () => DEFAULT_BATCH_SETTINGS,
      gates: [],
      settings: DEFAULT_MANAGER_SETTINGS,
    })
    const move = async (version: number): Promise<void> => {
      const source = fixture(`affine-${version}`)
      const resolution = { name: 'affine', version: String(version), source, identity: source }
      models.setDesired('affine', [{ label: 'champion', resolution }])
      await models.reconcile()
    }
    await move(1)

    let asking = true
    const answered = new Map<string, number>()
    const client = async (n: number): Promise<void> => {
      while (asking) {
        const lease = models.acquire({})
        try {
          const { y } = await lease.model.predict(rows([n, n, n, n]))
          const expected = affine(n, Number(lease.model.contract))
          if (Math.abs(Number(y?.data[0]) - (expected[0] ?? 0)) > 1e-4) {
            throw new ServingError('INTERNAL', `a wrong answer of version ${lease.model.version}`)
          }
          answered.set(lease.model.version, (answered.get(lease.model.version) ?? 0) + 1)
        } finally {
          lease.release()
        }
      }
    }
    const clients = Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(client))
    for (const version of [2, 1, 2, 1, 2]) await move(version)
    asking = false
    await clients
    await models.settled()
    expect([...answered.keys()].toSorted()).toEqual(['1', '2'])
    expect(models.modelStatus('affine').versions).toHaveLength(1)
    expect(await models.shutdown(5_000)).toBe(true)
    expect(witness.ended.map(({ end }) => end)).toEqual(Array(6).fill('closed'))
  })
})
