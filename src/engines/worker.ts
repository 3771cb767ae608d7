import { move, transferableSymbol, valueSymbol } from 'piscina'
import { ServingError } from '../errors.ts'
import { type HostedModel, hostModel } from './hosted-model.ts'
import { transferList } from './transfer-list.ts'
import { fromWire, toWire } from './wire-tensors.ts'
import type {
  InvokeRequest,
  LoadRequest,
  ModelKey,
  RunRequest,
  WorkerAnswers,
  WorkerReply,
  WorkerRequest,
} from './worker-messages.ts'

/** The models of this thread. Requests never overlap: the pool posts one at a time. */
const models = new Map<ModelKey, HostedModel>()

/** The task function of a worker thread: loads, runs and unloads any number of models. */
export default async function answer(request: WorkerRequest): Promise<WorkerReply | object> {
  try {
    return await perform(request)
  } catch (error) {
    const { code, message, details } = ServingError.from(error)
    return { failure: { code, message, details } }
  }
}

async function perform(request: WorkerRequest): Promise<WorkerReply | object> {
  switch (request.kind) {
    case 'run':
      return run(request)
    case 'invoke':
      return invoke(request)
    case 'load':
      return { answer: await load(request) }
    case 'unload':
      return { answer: await unload(request.model) }
  }
}

async function run({ model, feeds }: RunRequest): Promise<WorkerReply<'run'> | object> {
  const outputs = await hosted(model).run(fromWire(feeds))
  return handOver({ answer: toWire(outputs) }, transferList(outputs))
}

async function invoke(request: InvokeRequest): Promise<WorkerReply<'invoke'> | object> {
  const { model, media, body } = request
  const invoked = await hosted(model).invoke(media, body)
  const { buffer, byteLength } = invoked.body
  const whole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
  return handOver({ answer: invoked }, whole ? [buffer] : [])
}

async function load(request: LoadRequest): Promise<WorkerAnswers['load']> {
  const model = await hostModel(request)
  models.set(request.model, model)
  return model.info
}

async function unload(key: ModelKey): Promise<undefined> {
  const model = models.get(key)
  models.delete(key)
  await model?.release()
}

function hosted(key: ModelKey): HostedModel {
  const model = models.get(key)
  if (model === undefined) throw new ServingError('INTERNAL', `The worker holds no model ${key}`)
  return model
}

/** A reply that Piscina posts with a transfer list. */
function handOver(reply: WorkerReply, buffers: readonly ArrayBuffer[]): WorkerReply | object {
  if (buffers.length === 0) return reply
  return move({ [transferableSymbol]: buffers, [valueSymbol]: reply })
}
