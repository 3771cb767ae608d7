/**
 * A thread that loads a model by the engine itself and tells how many tensors there are. What the pool's own worker
 * does besides (messages, transfers) would hide them.
 */
import { memory } from '@tensorflow/tfjs-core'
import { tfjsEngine } from '../../../../src/engines/tfjs/tfjs-engine.ts'
import { ServingError } from '../../../../src/errors.ts'
import type { EngineModel } from '../../../../src/interfaces.ts'
import type { TfjsBackend, TfjsFormat } from '../../../../src/model/flavor.ts'
import { allocate } from '../../../../src/model/tensor.ts'
import { CPU } from '../../support/models.ts'
import { FIXTURES, feedsFrom, kerasAnswers, tfjsManifest } from './fixtures.ts'

export interface TensorCounts {
  readonly loaded: number
  readonly afterEachRun: readonly number[]
  readonly afterFailure: number
  readonly released: number
}

interface Order {
  readonly name: string
  readonly format: TfjsFormat
  readonly backend: TfjsBackend
  readonly runs: number
}

/** Loads a model, runs it some times, lets it fail once, and releases it. */
export async function countTensors({ name, format, backend, runs }: Order): Promise<TensorCounts> {
  const model = await tfjsEngine.load(FIXTURES, tfjsManifest(name, format, backend), CPU)
  const loaded = memory().numTensors
  const recorded = kerasAnswers(name)
  const afterEachRun: number[] = []
  for (let i = 0; i < runs; i++) {
    await model.run(feedsFrom(recorded, model.inputs))
    afterEachRun.push(memory().numTensors)
  }
  await expectFailure(model)
  const afterFailure = memory().numTensors
  await model.release()
  return { loaded, afterEachRun, afterFailure, released: memory().numTensors }
}

async function expectFailure(model: EngineModel): Promise<void> {
  const feeds = model.inputs.map(({ name, dtype }) => {
    const shape = [1, 1, 2, 1, 3]
    return [name, { dtype, shape, data: allocate(dtype, 6) }] as const
  })
  const failure = await model.run(Object.fromEntries(feeds)).catch((error: unknown) => error)
  if (!(failure instanceof ServingError)) throw new Error('The model took tensors of rank 5')
}
