import { describe, expect, it } from 'vitest'
import type { TensorCounts } from './support/engine-worker.ts'
import { formatOf } from './support/fixtures.ts'
import { runInThread } from './support/thread.ts'

function count(name: string, backend: string): Promise<TensorCounts> {
  const order = { name, format: formatOf(name), backend, runs: 5 }
  return runInThread('./engine-worker.ts', 'countTensors', order)
}

describe('no tensor is left', () => {
  it.each([
    ['mlp', 'wasm'],
    ['mlp', 'cpu'],
    ['mlp-layers', 'wasm'],
    ['lstm', 'wasm'],
    ['lstm-layers', 'wasm'],
    ['bidirectional-gru', 'wasm'],
    ['attention-keras2', 'wasm'],
    ['unet', 'wasm'],
  ])('after requests to %s on %s, nor after one that failed', async (name, backend) => {
    const { loaded, afterEachRun, afterFailure } = await count(name, backend)
    expect(afterEachRun).toEqual([loaded, loaded, loaded, loaded, loaded])
    expect(afterFailure).toBe(loaded)
  })

  it.each(['mlp', 'mlp-layers', 'lstm'])('of %s once it is unloaded', async (name) => {
    expect((await count(name, 'wasm')).released).toBe(0)
  })
})
