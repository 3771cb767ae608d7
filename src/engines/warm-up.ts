import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Invocation } from '../codec/mlflow/invocation.ts'
import { ServingError } from '../errors.ts'
import type { EngineModel } from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import { allocate, elementCount, type NamedTensors, type TensorSpec } from '../model/tensor.ts'

/** Zeros are for reserving memory; beyond this they would rather exhaust it. */
const MAX_ZEROS = 2 ** 24

/**
 * Runs a model before its first request, so that no request pays for the memory that a first run
 * reserves: with the request that was saved with it, else with zeros where every shape but the batch is known.
 *
 * @returns milliseconds of the last run; undefined when nothing was run.
 * @throws ServingError MODEL_FAILED when the saved request fails. Zeros may fail: a model need not take them.
 */
export async function warmUp(
  model: EngineModel,
  folder: string,
  manifest: ModelManifest,
  decode: (body: Uint8Array) => Invocation | Promise<Invocation>,
): Promise<number | undefined> {
  const example = await readExample(folder, manifest)
  if (example !== undefined) {
    try {
      return await timeRuns(model, async () => (await decode(example)).feeds)
    } catch (error) {
      const { message, details } = ServingError.from(error)
      // MLflow's texts for clients say less than its stack traces.
      const reason = typeof details.stackTrace === 'string' ? details.stackTrace : message
      throw new ServingError(
        'MODEL_FAILED',
        `The model fails on the input example it was saved with (${manifest.servingInputPath}): ${reason}`,
        { cause: error },
      )
    }
  }
  if (zeros(model.inputs) === undefined) return undefined
  try {
    return await timeRuns(model, () => zeros(model.inputs) ?? {})
  } catch {
    return undefined
  }
}

async function readExample(
  folder: string,
  manifest: ModelManifest,
): Promise<Uint8Array | undefined> {
  if (manifest.servingInputPath === undefined) return undefined
  try {
    return await readFile(join(folder, manifest.servingInputPath))
  } catch (error) {
    // MLflow serves a model whose example was left behind, too.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The first run reserves memory; the second, unless that would take long, tells the time of a run. */
async function timeRuns(
  model: EngineModel,
  feeds: () => NamedTensors | Promise<NamedTensors>,
): Promise<number> {
  const first = await timeRun(model, await feeds())
  return first > 1000 ? first : timeRun(model, await feeds())
}

async function timeRun(model: EngineModel, feeds: NamedTensors): Promise<number> {
  const started = performance.now()
  await model.run(feeds)
  return performance.now() - started
}

/** A batch of one; undefined when a shape is free beyond its batch, or unknown. */
function zeros(inputs: readonly TensorSpec[]): NamedTensors | undefined {
  const shapes = inputs.map(({ shape }) => shape.map((size, i) => (i === 0 && size < 0 ? 1 : size)))
  const known = shapes.every((shape) => shape.length > 0 && shape.every((size) => size >= 0))
  const total = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  if (!known || total > MAX_ZEROS) return undefined
  return Object.fromEntries(
    inputs.map(({ name, dtype }, i) => {
      const shape = shapes[i] ?? []
      return [name, { dtype, shape, data: allocate(dtype, elementCount(shape)) }]
    }),
  )
}
