import { join } from 'node:path'
import type { InferenceSession } from 'onnxruntime-node'
import { ServingError } from '../errors.ts'
import type { Engine, EngineModel, EngineOptions } from '../interfaces.ts'
import type { OnnxSessionOptions } from '../model/flavor.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import {
  DTYPES,
  type DType,
  type NamedTensors,
  type Tensor,
  type TensorSpec,
} from '../model/tensor.ts'

/** ONNX Runtime on the CPU or a CUDA device. The only file that loads the library. */
export const onnxEngine: Engine = { name: 'onnxruntime', load }

async function load(
  folder: string,
  manifest: ModelManifest,
  options: EngineOptions,
): Promise<EngineModel> {
  const ort = await import('onnxruntime-node')
  // By path, not from bytes: weights may sit in a file beside the model.
  const session = await ort.default.InferenceSession.create(
    join(folder, manifest.flavor.data),
    sessionOptions(manifest.flavor.sessionOptions, options),
  )
  return {
    inputs: session.inputMetadata.map(tensorSpec),
    outputs: session.outputMetadata.map(tensorSpec),
    run: (feeds) => run(session, feeds),
    release: () => session.release(),
  }
}

function sessionOptions(
  flavor: OnnxSessionOptions,
  options: EngineOptions,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [options.device],
    intraOpNumThreads: options.intraOpThreads ?? flavor.intraOpThreads ?? 1,
    interOpNumThreads: options.interOpThreads ?? flavor.interOpThreads ?? 1,
  }
}

function tensorSpec(metadata: InferenceSession.ValueMetadata): TensorSpec {
  if (!metadata.isTensor) {
    throw new ServingError('MODEL_UNSUPPORTED', `"${metadata.name}" is not a tensor`)
  }
  if (!(metadata.type in DTYPES)) {
    throw new ServingError('MODEL_UNSUPPORTED', `"${metadata.name}" has type ${metadata.type}`)
  }
  return {
    name: metadata.name,
    dtype: metadata.type as DType,
    shape: metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)),
  }
}

async function run(session: InferenceSession, feeds: NamedTensors): Promise<NamedTensors> {
  const { Tensor: OrtTensor } = (await import('onnxruntime-node')).default
  const values: Record<string, InstanceType<typeof OrtTensor>> = {}
  for (const [name, { dtype, shape, data }] of Object.entries(feeds)) {
    values[name] = new OrtTensor(dtype, data as Float32Array, shape)
  }
  let results: InferenceSession.ReturnType
  try {
    results = await session.run(values)
  } catch (error) {
    throw ServingError.from(error, 'MODEL_FAILED')
  }
  const outputs: Record<string, Tensor> = {}
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    outputs[name] = { dtype: type as DType, shape: dims, data: data as Float32Array }
  }
  return outputs
}
