import { describe, expect, it } from 'vitest'
import { createScoringCodec } from '../../src/codec/mlflow/scoring.ts'
import type { LoadedModel } from '../../src/interfaces.ts'
import { CODEC, fixture, manifestOf } from './support/models.ts'
import { loadFixture, openPool, rows } from './support/pool.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function invoke(model: LoadedModel, body: Uint8Array) {
  return model.invoke?.('application/json', body) ?? expect.fail('invoke is missing')
}

async function answerTo(model: LoadedModel, body: string): Promise<string> {
  return new TextDecoder().decode((await invoke(model, bytes(body))).body)
}

describe('a request handed to the worker unread', () => {
  it.each([
    ['affine-1', '{"inputs": {"x": [[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]]}}'],
    [
      'identity-columns',
      '{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.5]]}}',
    ],
    ['strings', '{"inputs": {"text": ["one", "zwei"]}}'],
  ])('is answered as when the main thread reads it: %s', async (name, body) => {
    const { pool } = openPool()
    const model = await loadFixture(pool, name)
    const { signature } = manifestOf(fixture(name))
    const codec = createScoringCodec({ signature, ...model.info }, CODEC)
    const { feeds, answer } = await codec.decode('application/json', bytes(body))
    const expected = codec.encode(answer, await model.run(feeds))
    expect(await answerTo(model, body)).toBe(expected)
  })

  it('tells how long each phase took', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const { parseMs, runMs, encodeMs } = await invoke(
      model,
      bytes('{"inputs": {"x": [[1.0, 1, 1, 1]]}}'),
    )
    for (const phase of [parseMs, runMs, encodeMs]) expect(phase).toBeGreaterThan(0)
  })

  it('takes over a buffer of its own, and copies out of one that others use', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const own = bytes('{"inputs": {"x": [[0.0, 0.0, 0.0, 0.0]]}}')
    const slab = Buffer.alloc(8192)
    slab.set(own, 100)
    await invoke(model, slab.subarray(100, 100 + own.length))
    expect(slab[100]).toBe(own[0])
    await invoke(model, own)
    expect(own).toHaveLength(0)
  })

  it('is refused in the words and with the details that the codec has', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const codec = createScoringCodec({ signature: undefined, ...model.info }, CODEC)
    const body = bytes('{"inputs": [')
    const refusal = await Promise.resolve()
      .then(() => codec.decode('application/json', body))
      .catch((error: unknown) => error)
    await expect(invoke(model, body)).rejects.toEqual(refusal)
  })

  it('keeps its place among runs', async () => {
    const { pool } = openPool()
    const model = await loadFixture(pool, 'affine-1')
    const finished: number[] = []
    const done = (i: number) => (): void => void finished.push(i)
    await Promise.all([
      model.run(rows([0, 0, 0, 0])).then(done(1)),
      answerTo(model, '{"inputs": {"x": [[0.0, 0.0, 0.0, 0.0]]}}').then(done(2)),
      model.run(rows([0, 0, 0, 0])).then(done(3)),
    ])
    expect(finished).toEqual([1, 2, 3])
  })
})
