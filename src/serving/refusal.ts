import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ModelEntry, RefEntry } from './model-entry.ts'
import { describeFailure } from './model-status.ts'
import { type ServedModel, versionId } from './served-model.ts'

/** No model has this name. */
export function modelNotFound(name: string | undefined, known: readonly string[]): ServingError {
  const list = known.length === 0 ? 'no model is configured' : `models: ${known.join(', ')}`
  const subject = name === undefined ? 'There is no model' : `There is no model "${name}"`
  return new ServingError('MODEL_NOT_FOUND', `${subject} (${list})`, { details: { name, known } })
}

/** No version of the model was refused for what clients would notice. */
export function nothingToAllow(name: string, version: string | undefined): ServingError {
  const subject = version === undefined ? 'No version' : `Version ${version}`
  return new ServingError(
    'VERSION_NOT_FOUND',
    `${subject} of model "${name}" was ${version === undefined ? '' : 'not '}refused for its contract or its rehearsal; GET /models says what failed and why`,
    { details: { name, version } },
  )
}

/** The model has no reference with this label. */
export function refNotFound<C>(model: ModelEntry<C>, label: string | undefined): ServingError {
  const known = [...model.refs.keys()]
  return new ServingError(
    'MODEL_NOT_FOUND',
    `Model "${model.name}" is not served as "${label}" (served: ${known.join(', ') || 'none'})`,
    { details: { name: model.name, ref: label, known } },
  )
}

/** The reference is known but no version answers for it yet: says how far the wanted version has come. */
export function refNotReady<C>(model: ModelEntry<C>, ref: RefEntry<C>, clock: Clock): ServingError {
  const { desired } = ref
  if (desired !== undefined) {
    const id = versionId(desired)
    const live = model.find((version) => version.id === id && version.state !== 'failed')
    return versionNotReady(model, desired.version, id, live, clock)
  }
  const { error } = ref
  const why = error === undefined ? ref.why : error.message
  return new ServingError(
    'MODEL_NOT_READY',
    `Model "${model.name}" is not ready: "${ref.label}"${error === undefined ? '' : ':'} ${why}`,
    { details: { name: model.name, ref: ref.label, reason: why, code: error?.code } },
  )
}

/** A version by its number that cannot answer: unknown, on its way, leaving, or failed. */
export function versionNotAvailable<C>(
  model: ModelEntry<C>,
  number: string,
  clock: Clock,
): ServingError {
  const live = model.find((version) => version.version === number && version.state !== 'failed')
  const failed = [...model.failures.entries()].find(([, { version }]) => version.version === number)
  const id = live?.id ?? failed?.[0]
  if (id !== undefined) return versionNotReady(model, number, id, live, clock)
  const known = [...model.versions].map((version) => version.version)
  return new ServingError(
    'MODEL_NOT_FOUND',
    `Version ${number} of model "${model.name}" is not loaded (loaded: ${known.join(', ') || 'none'})`,
    { details: { name: model.name, version: number, known } },
  )
}

function versionNotReady<C>(
  model: ModelEntry<C>,
  number: string,
  id: string,
  live: ServedModel<C> | undefined,
  clock: Clock,
): ServingError {
  const failure = model.failures.get(id)
  const lastFailure = failure && describeFailure(failure, clock)
  const state = live?.state ?? (failure === undefined ? 'resolving' : 'failed')
  const why =
    failure === undefined ? '' : `; it failed while ${failure.stage}: ${failure.error.message}`
  return new ServingError(
    'MODEL_NOT_READY',
    `Model "${model.name}" is not ready: version ${number} is ${state}${why}`,
    {
      details: {
        name: model.name,
        version: number,
        state,
        stage: lastFailure?.stage,
        code: lastFailure?.code,
        reason: lastFailure?.message,
        nextTryAt: lastFailure?.nextTryAt,
      },
    },
  )
}
