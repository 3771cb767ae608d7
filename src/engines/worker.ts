import { move, transferableSymbol, valueSymbol } from 'piscina'
import { ServingError } from '../errors.ts'
import type { EngineModel } from '../interfaces.ts'
import { onnxEngine } from './onnx-engine.ts'
import { transferList } from './transfer-list.ts'
import { warmUp } from './warm-up.ts'
import { fromWire, toWire } from './wire-tensors.ts'
import type {
  LoadRequest,
  ModelKey,
  RunRequest,
  WorkerAnswers,
  WorkerReply,
  WorkerRequest,
} from './worker-messages.ts'

/** The models of this thread. Requests never overlap: the pool posts one at a time. */
const models = new Map<ModelKey, EngineModel>()

/** The task function of a worker thread: loads, runs and unloads any number of models. */
export default async function answer(request: WorkerRequest): Promise<WorkerReply | object> {
  try {
    switch (request.kind) {
      case 'load':
        return { answer: await load(request) }
      case 'run':
        return await run(request)
      case 'unload':
        return { answer: await unload(request.model) }
    }
  } catch (error) {
    const { code, message, details } = ServingError.from(error)
    return { failure: { code, message, details } }
  }
}

async function run(request: RunRequest): Promise<WorkerReply<'run'> | object> {
  const model = models.get(request.model)
  if (model === undefined) {
    throw new ServingError('INTERNAL', `The worker holds no model ${request.model}`)
  }
  const outputs = await model.run(fromWire(request.feeds))
  return handOver({ answer: toWire(outputs) }, transferList(outputs))
}

/** A reply that Piscina posts with a transfer list. */
function handOver(reply: WorkerReply, buffers: readonly ArrayBuffer[]): WorkerReply | object {
  if (buffers.length === 0) return reply
  return move({ [transferableSymbol]: buffers, [valueSymbol]: reply })
}

async function load(request: LoadRequest): Promise<WorkerAnswers['load']> {
  const { folder, manifest } = request
  const started = performance.now()
  const model = await onnxEngine.load(folder, manifest, request.engine)
  const loadMs = performance.now() - started
  try {
    const warmupMs = await warmUp(model, folder, manifest, request.codec)
    models.set(request.model, model)
    const { inputs, outputs } = model
    return { engine: onnxEngine.name, inputs, outputs, loadMs, warmupMs }
  } catch (error) {
    await model.release()
    throw error
  }
}

async function unload(key: ModelKey): Promise<undefined> {
  const model = models.get(key)
  models.delete(key)
  await model?.release()
}
