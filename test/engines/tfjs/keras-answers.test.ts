import { describe, expect, it } from 'vitest'
import { openPool } from '../support/pool.ts'
import {
  FIXTURES,
  feedsFrom,
  formatOf,
  kerasAnswers,
  maxError,
  tfjsManifest,
} from './support/fixtures.ts'

const { signal } = new AbortController()

/**
 * Every network of `test/fixtures/tfjs`, the backend that `auto` gives it, and how far its answers may be from those
 * of Keras. Quantised weights are rounded, so theirs is larger. `docs/engines.md` has the errors as measured.
 */
const NETWORKS = [
  { name: 'mlp', backend: 'wasm', within: 1e-6 },
  { name: 'mlp-layers', backend: 'wasm', within: 1e-6 },
  { name: 'cnn', backend: 'wasm', within: 1e-6 },
  { name: 'cnn-layers', backend: 'wasm', within: 1e-6 },
  { name: 'lstm', backend: 'wasm', within: 1e-6 },
  { name: 'lstm-layers', backend: 'wasm', within: 1e-6 },
  { name: 'bidirectional-gru', backend: 'wasm', within: 1e-6 },
  { name: 'gru-stack', backend: 'wasm', within: 1e-6 },
  { name: 'attention', backend: 'wasm', within: 5e-6 },
  { name: 'attention-keras2', backend: 'wasm', within: 1e-6 },
  { name: 'unet', backend: 'wasm', within: 1e-6 },
  { name: 'mobilenet-float16', backend: 'wasm', within: 1e-4 },
  { name: 'two-by-two', backend: 'wasm', within: 1e-6 },
  { name: 'vocabulary', backend: 'wasm', within: 0 },
] as const

describe('answers are those of Keras', () => {
  it.each(NETWORKS)('$name, on $backend', async ({ name, backend, within }) => {
    const { pool } = openPool()
    const model = await pool.load(FIXTURES, tfjsManifest(name, formatOf(name)), signal)
    expect(model.info).toMatchObject({ engine: 'tfjs', backend })
    const recorded = kerasAnswers(name)
    const outputs = await model.run(feedsFrom(recorded, model.info.inputs))
    const error = maxError(recorded, outputs)
    expect(error).toBeLessThanOrEqual(within)
    await model.unload()
  })
})
