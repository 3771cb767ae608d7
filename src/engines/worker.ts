import { move, transferableSymbol, valueSymbol } from 'piscina'
import { ServingError } from '../errors.ts'
import type { EngineModel } from '../interfaces.ts'
import { onnxEngine } from './onnx-engine.ts'
import { transferList } from './transfer-list.ts'
import { warmUp } from './warm-up.ts'
import type {
  LoadRequest,
  ModelKey,
  WorkerAnswers,
  WorkerReply,
  WorkerRequest,
} from './worker-messages.ts'

/** The models of this thread. Requests never overlap: the pool posts one at a time. */
const models = new Map<ModelKey, EngineModel>()

/** The task function of a worker thread: loads, runs and unloads any number of models. */
export default async function answer(request: WorkerRequest): Promise<WorkerReply | object> {
  try {
    const reply = { answer: await perform(request) }
    return request.kind === 'run' ? handOver(reply) : reply
  } catch (error) {
    const { code, message, details } = ServingError.from(error)
    return { failure: { code, message, details } }
  }
}

/** Piscina's way to post a value with a transfer list. */
function handOver(reply: { readonly answer: WorkerAnswers[WorkerRequest['kind']] }): object {
  const buffers = transferList(reply.answer as WorkerAnswers['run'])
  if (buffers.length === 0) return reply
  return move({ [transferableSymbol]: buffers, [valueSymbol]: reply })
}

function perform(request: WorkerRequest): Promise<WorkerAnswers[WorkerRequest['kind']]> {
  switch (request.kind) {
    case 'load':
      return load(request)
    case 'run':
      return loaded(request.model).run(request.feeds)
    case 'unload':
      return unload(request.model)
  }
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

function loaded(key: ModelKey): EngineModel {
  const model = models.get(key)
  if (model === undefined) throw new ServingError('INTERNAL', `Worker holds no model ${key}`)
  return model
}
