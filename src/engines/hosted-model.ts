import type { MediaType } from '../codec/mlflow/content-type.ts'
import { createScoringCodec, type ScoringCodec } from '../codec/mlflow/scoring.ts'
import type { EngineModel, InvocationAnswer, LoadedModelInfo } from '../interfaces.ts'
import type { NamedTensors } from '../model/tensor.ts'
import { onnxEngine } from './onnx-engine.ts'
import { warmUp } from './warm-up.ts'
import type { LoadRequest } from './worker-messages.ts'

/** A model in the thread it is loaded in. Calls never overlap. */
export interface HostedModel {
  readonly info: LoadedModelInfo
  run(feeds: NamedTensors): Promise<NamedTensors>
  /** Reads a body, runs it and writes the answer. */
  invoke(media: MediaType, body: Uint8Array): Promise<InvocationAnswer>
  release(): Promise<void>
}

/**
 * Loads a model into this thread and warms it up.
 * @throws ServingError as `Engine.load`, or MODEL_FAILED when the request saved with the model fails.
 */
export async function hostModel(request: LoadRequest): Promise<HostedModel> {
  const { folder, manifest, engine, codec: options } = request
  const started = performance.now()
  const model = await onnxEngine.load(folder, manifest, engine)
  const loadMs = performance.now() - started
  const { inputs, outputs } = model
  // Made when it is needed first: most requests are read by the main thread.
  let made: ScoringCodec | undefined
  const codec = (): ScoringCodec => {
    made ??= createScoringCodec({ signature: manifest.signature, inputs, outputs }, options)
    return made
  }
  const decode = (body: Uint8Array) => codec().decode('application/json', body)
  try {
    const warmupMs = await warmUp(model, folder, manifest, decode)
    return {
      info: { engine: onnxEngine.name, inputs, outputs, loadMs, warmupMs },
      run: (feeds) => model.run(feeds),
      invoke: (media, body) => invoke(model, codec(), media, body),
      release: () => model.release(),
    }
  } catch (error) {
    await model.release()
    throw error
  }
}

async function invoke(
  model: EngineModel,
  codec: ScoringCodec,
  media: MediaType,
  body: Uint8Array,
): Promise<InvocationAnswer> {
  const startedAt = performance.now()
  const { feeds, answer } = await codec.decode(media, body)
  const readAt = performance.now()
  const outputs = await model.run(feeds)
  const ranAt = performance.now()
  const text = codec.encode(answer, outputs)
  return {
    body: typeof text === 'string' ? new TextEncoder().encode(text) : text,
    parseMs: readAt - startedAt,
    runMs: ranAt - readAt,
    encodeMs: performance.now() - ranAt,
  }
}
