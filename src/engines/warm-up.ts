import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MediaType } from '../codec/mlflow/content-type.ts'
import { wrapperOf } from '../codec/mlflow/invocation.ts'
import { createScoringCodec } from '../codec/mlflow/scoring.ts'
import { type ErrorCode, ServingError } from '../errors.ts'
import type { InvocationAnswer } from '../interfaces.ts'
import { allocate, elementCount, type NamedTensors, type TensorSpec } from '../model/tensor.ts'
import type { LoadRequest, WorkerAnswers } from './worker-messages.ts'

/** Zeros are for reserving memory; beyond this they would rather exhaust it. */
const MAX_ZEROS = 2 ** 24

/** A larger example is read by the worker, so that the event loop does not wait for it. */
const MAX_EXAMPLE_BYTES = 64 * 1024

const LOST: ReadonlySet<ErrorCode> = new Set([
  'WORKER_LOST',
  'DEADLINE_EXCEEDED',
  'TRIAL_FAILED',
  'INSUFFICIENT_MEMORY',
])

/** Ways to run a model that has just been loaded. */
interface WarmUpRuns {
  run(feeds: NamedTensors): Promise<unknown>
  invoke(media: MediaType, body: Uint8Array): Promise<InvocationAnswer>
}

/**
 * Runs a model before its first request, so that no request pays for the memory that a first run reserves: with the
 * request that was saved with it, else with zeros where every shape but the batch is known.
 *
 * @returns milliseconds of the fastest run; undefined when nothing was run.
 * @throws ServingError MODEL_FAILED when the saved request fails. Zeros may fail: a model need not take them.
 */
export async function warmUp(
  request: LoadRequest,
  info: WorkerAnswers['load'],
  runs: WarmUpRuns,
): Promise<number | undefined> {
  const example = await readExample(request)
  if (example === undefined) return runZeros(info.inputs, runs)
  try {
    return await runExample(example, request, info, runs)
  } catch (error) {
    if (isNotOfTheModel(error)) throw error
    const { message, details } = ServingError.from(error)
    // MLflow's texts for clients say less than its stack traces.
    const reason = typeof details.stackTrace === 'string' ? details.stackTrace : message
    throw new ServingError(
      'MODEL_FAILED',
      `The model fails on the input example it was saved with (${request.manifest.servingInputPath}): ${reason}`,
      { cause: error },
    )
  }
}

/** Whether a run failed for want of something to run on. */
function isNotOfTheModel(error: unknown): boolean {
  const { code, details } = ServingError.from(error)
  return LOST.has(code) || details.movable === true
}

async function readExample({ folder, manifest }: LoadRequest): Promise<Uint8Array | undefined> {
  if (manifest.servingInputPath === undefined) return undefined
  try {
    return await readFile(join(folder, manifest.servingInputPath))
  } catch (error) {
    // MLflow serves a model whose example was left behind, too.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function runExample(
  example: Uint8Array,
  { manifest, codec: options }: LoadRequest,
  { inputs, outputs }: WorkerAnswers['load'],
  runs: WarmUpRuns,
): Promise<number> {
  if (example.byteLength > MAX_EXAMPLE_BYTES) {
    return fastestOf(
      async () => (await runs.invoke('application/json', new Uint8Array(example))).runMs,
    )
  }
  const { signature, flavor } = manifest
  const contract = { signature, inputs, outputs, wrapper: wrapperOf(flavor) }
  const codec = createScoringCodec(contract, options)
  // Read each time: the buffers of a run are handed over.
  return fastestOf(async () => {
    const { feeds } = await codec.decode('application/json', example)
    return timed(() => runs.run(feeds))
  })
}

async function runZeros(
  inputs: readonly TensorSpec[],
  runs: WarmUpRuns,
): Promise<number | undefined> {
  const shapes = zeroShapes(inputs)
  if (shapes === undefined) return undefined
  try {
    return await fastestOf(() => timed(() => runs.run(zeros(inputs, shapes))))
  } catch (error) {
    if (isNotOfTheModel(error)) throw error
    return undefined
  }
}

/**
 * Milliseconds of the fastest of some runs: the first reserves memory, and whatever else the machine does only adds. One
 * is enough where it takes long.
 */
async function fastestOf(run: () => Promise<number>): Promise<number> {
  const first = await run()
  if (first > 1000) return first
  const times = [await run()]
  for (let spent = first; times.length < 4 && spent < 20; spent += times.at(-1) ?? 0) {
    times.push(await run())
  }
  return Math.min(...times)
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** Shapes of a batch of one; undefined when a shape is free beyond its batch, or unknown. */
function zeroShapes(inputs: readonly TensorSpec[]): readonly (readonly number[])[] | undefined {
  const shapes = inputs.map(({ shape }) => shape.map((size, i) => (i === 0 && size < 0 ? 1 : size)))
  const known = shapes.every((shape) => shape.length > 0 && shape.every((size) => size >= 0))
  const total = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  return known && total <= MAX_ZEROS ? shapes : undefined
}

function zeros(
  inputs: readonly TensorSpec[],
  shapes: readonly (readonly number[])[],
): NamedTensors {
  return Object.fromEntries(
    inputs.map(({ name, dtype }, i) => {
      const shape = shapes[i] ?? []
      return [name, { dtype, shape, data: allocate(dtype, elementCount(shape)) }]
    }),
  )
}
