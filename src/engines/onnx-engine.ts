import { join } from 'node:path'
import { env, InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import { ServingError } from '../errors.ts'
import type { Engine, EngineModel, EngineOptions } from '../interfaces.ts'
import type { OnnxSessionOptions } from '../model/flavor.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import {
  DTYPES,
  type DType,
  isStringData,
  type NamedTensors,
  type Tensor,
  type TensorData,
  type TensorSpec,
} from '../model/tensor.ts'
import { cudaFailure, loadFailure, runFailure } from './onnx-errors.ts'

// Failures are thrown. The library's own log would print them a second time, in colours, to stderr.
env.logLevel = 'fatal'

/**
 * ONNX Runtime. The only file that loads the library, and only worker threads load this file: creating a
 * session and running one are synchronous native calls. See `worker-thread.ts` for its telemetry.
 */
export const onnxEngine: Engine = { name: 'onnxruntime', load }

async function load(
  folder: string,
  manifest: ModelManifest,
  options: EngineOptions,
): Promise<EngineModel> {
  const session = await open(folder, manifest, options)
  try {
    return {
      inputs: session.inputMetadata.map((metadata) => tensorSpec(metadata, 'input')),
      outputs: session.outputMetadata.map((metadata) => tensorSpec(metadata, 'output')),
      run: (feeds) => run(session, feeds),
      release: () => session.release(),
    }
  } catch (error) {
    await session.release()
    throw error
  }
}

async function open(
  folder: string,
  manifest: ModelManifest,
  options: EngineOptions,
): Promise<InferenceSession> {
  const { flavor } = manifest
  if (flavor.engine !== 'onnx') throw new ServingError('INTERNAL', 'This is no ONNX model')
  const { data, sessionOptions } = flavor
  try {
    // By path, not from bytes: weights may sit in a file beside the model.
    return await InferenceSession.create(
      join(folder, data),
      toSessionOptions(sessionOptions, options),
    )
  } catch (error) {
    const noCuda = options.device === 'cuda' && /provider|CUDA|shared library/i.test(String(error))
    throw noCuda ? cudaFailure(error) : loadFailure(error, folder, data)
  }
}

/** Flags outrank the flavor, which outranks our defaults. */
function toSessionOptions(
  flavor: OnnxSessionOptions,
  options: EngineOptions,
): InferenceSession.SessionOptions {
  const { executionMode, graphOptimizationLevel } = flavor
  return {
    executionProviders: [options.device],
    // ONNX Runtime's own default is a thread for every core of the host, for every session.
    intraOpNumThreads:
      options.intraOpThreads ?? flavor.intraOpThreads ?? options.chosenIntraOpThreads ?? 1,
    interOpNumThreads: options.interOpThreads ?? flavor.interOpThreads ?? 1,
    ...(executionMode && { executionMode }),
    ...(graphOptimizationLevel && { graphOptimizationLevel }),
    // The sessions have a log level of their own: without it each refused request prints a line.
    logSeverityLevel: 4,
    extra: {
      // A spinning thread takes the core that the event loop or another model needs.
      'session.intra_op.allow_spinning': '0',
      'session.inter_op.allow_spinning': '0',
      ...flavor.extraSessionConfig,
    },
  }
}

/** The binding reports a tensor of unknown rank as it does a scalar: with the shape []. */
function tensorSpec(
  metadata: InferenceSession.ValueMetadata,
  role: 'input' | 'output',
): TensorSpec {
  const { name } = metadata
  if (!metadata.isTensor) {
    throw new ServingError(
      'MODEL_UNSUPPORTED',
      `Expected tensors, and the ${role} "${name}" is a sequence or map. ` +
        "A scikit-learn classifier gives tensors when it is converted with zipmap off: skl2onnx.to_onnx(model, X[:1], options={'zipmap': False})",
    )
  }
  if (!Object.hasOwn(DTYPES, metadata.type)) {
    throw new ServingError(
      'MODEL_UNSUPPORTED',
      `The ${role} "${name}" has the element type ${metadata.type}, which Baton cannot pass`,
    )
  }
  return {
    name,
    dtype: metadata.type as DType,
    shape: metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)),
  }
}

async function run(session: InferenceSession, feeds: NamedTensors): Promise<NamedTensors> {
  const values = toOnnxTensors(feeds)
  let results: InferenceSession.OnnxValueMapType
  try {
    results = await session.run(values)
  } catch (error) {
    throw runFailure(error)
  }
  const outputs: Record<string, Tensor> = {}
  for (const name in results) {
    const result = results[name]
    if (result === undefined) continue
    outputs[name] = {
      dtype: result.type as DType,
      shape: result.dims,
      data: outputData(result),
    }
  }
  return outputs
}

function toOnnxTensors(feeds: NamedTensors): Record<string, OnnxTensor> {
  const values: Record<string, OnnxTensor> = {}
  for (const name in feeds) {
    const feed = feeds[name]
    if (feed === undefined) continue
    if (isStringData(feed.data)) refuseNul(name, feed.data)
    // The union of array types is the constructor's own, spelled as overloads that no union satisfies.
    values[name] = new OnnxTensor(feed.dtype as 'float32', feed.data as Float32Array, feed.shape)
  }
  return values
}

/** The binding would end the text there, and say nothing. */
function refuseNul(name: string, texts: readonly string[]): void {
  const index = texts.findIndex((text) => text.includes('\0'))
  if (index === -1) return
  throw new ServingError(
    'MODEL_FAILED',
    `Expected text without NUL characters in input "${name}", got one in element ${index}`,
  )
}

function outputData(result: OnnxTensor): TensorData {
  const data = result.data as TensorData
  if (result.type !== 'float16' || data instanceof Uint16Array) return data
  // Where JavaScript has Float16Array, ONNX Runtime gives that; ours is the raw 16 bits everywhere.
  const { buffer, byteOffset, length } = result.data as unknown as Uint16Array
  return new Uint16Array(buffer, byteOffset, length)
}
