import { ServingError } from '../errors.ts'
import type { Engine, EngineModel } from '../interfaces.ts'
import type { LoadRequest, ModelKey, WorkerAnswers } from './worker-messages.ts'

/** A model in this thread, and what it was loaded from. */
export interface HostedModel {
  readonly model: EngineModel
  readonly request: LoadRequest
}

/** The models of this thread, shared by all its task functions. */
const models = new Map<ModelKey, HostedModel>()

/** @throws ServingError as `Engine.load`. */
export async function host(request: LoadRequest, engine: Engine): Promise<WorkerAnswers['load']> {
  const started = performance.now()
  const model = await engine.load(request.folder, request.manifest, request.engine)
  const loadMs = performance.now() - started
  models.set(request.model, { model, request })
  const { inputs, outputs, backend } = model
  return { engine: engine.name, backend, inputs, outputs, loadMs }
}

/** @throws ServingError INTERNAL when this thread holds no such model. */
export function hosted(key: ModelKey): HostedModel {
  const model = models.get(key)
  if (model === undefined) throw new ServingError('INTERNAL', `The worker holds no model ${key}`)
  return model
}

/** Gives a model's memory back. */
export async function unhost(key: ModelKey): Promise<undefined> {
  const hosted = models.get(key)
  models.delete(key)
  await hosted?.model.release()
}
