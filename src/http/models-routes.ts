import { ServingError } from '../errors.ts'
import type { ModelStatus } from '../serving/model-status.ts'
import { snakeCase } from '../snake-case.ts'
import type { ServedFromCache } from './health-routes.ts'
import { errorJson, json } from './json-answer.ts'
import type { Handler } from './route-methods.ts'

/** Where the registry stands for one model, beside what the manager knows. */
export interface RegistryView {
  readonly location: string
  /** ISO 8601; undefined before the first answer. */
  readonly lastContactAt: string | undefined
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly nextPollAt: string | undefined
  /** References that are served as they were served last, because the registry has not answered since the start. */
  readonly fromCache: readonly ServedFromCache[]
}

export interface ModelsView {
  status(): readonly ModelStatus[]
  /** @throws ServingError MODEL_NOT_FOUND. */
  modelStatus(name: string): ModelStatus
  registryOf(name: string): RegistryView | undefined
}

/** `GET /models`: what serves, loads and failed, without the history. */
export function modelsRoute(view: ModelsView): Handler {
  return (c) => {
    const models = view.status().map(({ events: _events, ...model }) => describe(view, model))
    return json(c, { models })
  }
}

/** `GET /models/{name}`: the same for one model, with its last events. */
export function modelRoute(view: ModelsView): Handler {
  return (c) => {
    try {
      return json(c, describe(view, view.modelStatus(c.req.param('name') ?? '')))
    } catch (error) {
      return errorJson(c, error)
    }
  }
}

function describe(view: ModelsView, model: Omit<ModelStatus, 'events'>): object {
  return snakeCase({ ...model, registry: view.registryOf(model.name) }) as object
}

/** `POST /models/{name}/refresh`: asks the registry now. */
export function refreshRoute(
  view: ModelsView,
  hint: (model: string) => void,
  guard: (c: Parameters<Handler>[0]) => void,
): Handler {
  return (c) => {
    try {
      guard(c)
      const name = c.req.param('name') ?? ''
      if (view.registryOf(name) === undefined) {
        throw new ServingError('MODEL_NOT_FOUND', `No model "${name}" is followed here`)
      }
      hint(name)
      return json(c, { model: name, refresh: 'requested' }, 202)
    } catch (error) {
      return errorJson(c, error)
    }
  }
}
