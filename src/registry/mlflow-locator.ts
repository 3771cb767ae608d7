import { ServingError } from '../errors.ts'
import { formatModelRef, type ModelRef, parseModelUri } from '../model/model-uri.ts'
import { fingerprint } from './fingerprint.ts'
import type { MlflowClient } from './mlflow-client.ts'
import type { MlflowLoggedModel } from './mlflow-replies.ts'

/** A chain of `models:/` sources longer than this is a mistake, if not a loop. */
const MAX_STEPS = 8

/** Where files are, and what stays the same for the same files and is fit for a file name. */
export interface Located {
  readonly source: string
  readonly identity: string
}

/**
 * Finds the artifact URI behind a version, a logged model or a run's path. What the registry answers may name
 * another model (`models:/...`, `runs:/...`), which is looked up in turn.
 */
export class MlflowLocator {
  readonly #registry: MlflowClient
  readonly #tracking: MlflowClient

  /** Versions live in the registry, logged models and runs in the tracking server; often one server is both. */
  constructor(registry: MlflowClient, tracking: MlflowClient) {
    this.#registry = registry
    this.#tracking = tracking
  }

  /** @throws ServingError VERSION_NOT_FOUND, VERSION_NOT_READY, MODEL_NOT_FOUND, MODEL_INVALID */
  async locate(ref: ModelRef, signal: AbortSignal): Promise<Located> {
    let at: Located | ModelRef = ref
    const trail = new Set<string>()
    while ('kind' in at) {
      if (at.kind === 'artifact') return { source: at.uri, identity: fingerprint(at.uri) }
      const step = formatModelRef(at)
      if (trail.has(step) || trail.size === MAX_STEPS) {
        throw new ServingError(
          'MODEL_INVALID',
          `The files of ${formatModelRef(ref)} cannot be found: the registry sends from ${[...trail, step].join(' to ')}`,
        )
      }
      trail.add(step)
      at = await this.#step(at, signal)
    }
    return at
  }

  async #step(ref: ModelRef, signal: AbortSignal): Promise<Located | ModelRef> {
    switch (ref.kind) {
      case 'version':
        return this.#ofVersion(ref.name, ref.version, signal)
      case 'model-id':
        return this.#ofLoggedModel(ref.modelId, signal)
      case 'run':
        return this.#ofRun(ref.runId, ref.path, signal)
      default:
        throw new ServingError(
          'MODEL_INVALID',
          `Expected a version's files at an artifact URI, a version or a logged model, got ${formatModelRef(ref)}`,
        )
    }
  }

  async #ofVersion(name: string, version: string, signal: AbortSignal) {
    const uri = await this.#registry.downloadUri(name, version, signal)
    if (uri === undefined) {
      throw new ServingError('VERSION_NOT_FOUND', `Model "${name}" has no version ${version}`)
    }
    return nextStep(uri)
  }

  async #ofLoggedModel(modelId: string, signal: AbortSignal) {
    const model = await this.#tracking.loggedModel(modelId, signal)
    if (model === undefined) {
      throw new ServingError(
        'MODEL_NOT_FOUND',
        `No logged model "${modelId}" at ${this.#tracking.location}; a registered model is written models:/<name>@<alias> or models:/<name>/<version>`,
      )
    }
    return readyModel(model)
  }

  /** A model logged under the first part of the path wins over a folder of the run, as in MLflow. */
  async #ofRun(runId: string, path: string, signal: AbortSignal) {
    const run = await this.#tracking.run(runId, signal)
    if (run === undefined) {
      throw new ServingError('MODEL_NOT_FOUND', `No run "${runId}" at ${this.#tracking.location}`)
    }
    const [name = '', ...rest] = path.split('/')
    const model = await this.#tracking.loggedModelOfRun(runId, run.experiment_id, name, signal)
    if (model === undefined) return nextStep(below(run.artifact_uri, path))
    const found = readyModel(model)
    if (rest.length === 0 || 'kind' in found) return found
    const source = below(found.source, rest.join('/'))
    return { source, identity: fingerprint(source) }
  }
}

function readyModel(model: MlflowLoggedModel): Located | ModelRef {
  if (model.status !== 'LOGGED_MODEL_READY') {
    throw new ServingError(
      'VERSION_NOT_READY',
      `Logged model "${model.model_id}" is ${model.status}, expected LOGGED_MODEL_READY`,
    )
  }
  const next = nextStep(model.artifact_uri)
  return next.kind === 'artifact' ? { source: next.uri, identity: model.model_id } : next
}

function nextStep(uri: string): ModelRef {
  return parseModelUri(uri)
}

function below(uri: string, path: string): string {
  return `${uri.replace(/\/+$/, '')}/${path}`
}
