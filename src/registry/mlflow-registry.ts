import { ServingError } from '../errors.ts'
import type { ModelVersion, Registry, Resolution } from '../interfaces.ts'
import { type ModelRef, refLabel, servedName } from '../model/model-uri.ts'
import { resolveArtifact } from './direct-artifact.ts'
import { fingerprint } from './fingerprint.ts'
import type { MlflowClient } from './mlflow-client.ts'
import { MlflowLocator } from './mlflow-locator.ts'
import type { MlflowModelVersion, MlflowRegisteredModel } from './mlflow-replies.ts'
import {
  aliasNotFound,
  answered,
  danglingAlias,
  type FollowedRef,
  highestVersion,
  inPlace,
  noVersion,
  versionNotFound,
} from './resolutions.ts'

/** Versions of a registered model as they were while its timestamps were these. */
interface KnownModel {
  readonly stamp: string
  readonly versions: ReadonlyMap<string, ModelVersion>
}

/**
 * MLflow's model registry over REST.
 *
 * One `registered-models/get` tells all aliases and stages of a model. A version is asked for once and then
 * remembered while the model's own timestamps stay: MLflow moves `last_updated_timestamp` whenever a version is
 * made, deleted or changes stage, and `creation_timestamp` when the model itself is made anew, while moving an
 * alias moves neither. So a steady poll is one call, and a version that was deleted, or registered again under
 * its old number, is noticed by the next poll.
 */
export class MlflowRegistry implements Registry {
  readonly location: string
  readonly #client: MlflowClient
  readonly #locator: MlflowLocator
  readonly #known = new Map<string, KnownModel>()

  /** `tracking` keeps logged models and runs; it is the registry's own server unless told otherwise. */
  constructor(client: MlflowClient, tracking: MlflowClient = client) {
    this.#client = client
    this.#locator = new MlflowLocator(client, tracking)
    this.location = client.location
  }

  async resolve(refs: readonly ModelRef[], signal: AbortSignal): Promise<readonly Resolution[]> {
    const found = new Map<ModelRef, Resolution>()
    const models = new Map<string, FollowedRef[]>()
    const lookUps: Promise<void>[] = []
    for (const ref of refs) {
      if (ref.kind === 'alias' || ref.kind === 'latest' || ref.kind === 'stage') {
        models.set(ref.name, [...(models.get(ref.name) ?? []), ref])
      } else {
        const lookUp = this.#resolveFixed(ref, signal).catch(inPlace)
        lookUps.push(lookUp.then((resolution) => void found.set(ref, resolution)))
      }
    }
    for (const [name, followed] of models) {
      lookUps.push(this.#resolveFollowed(name, followed, found, signal))
    }
    await Promise.all(lookUps)
    return answered(refs.map((ref) => found.get(ref) ?? unasked(ref)))
  }

  async tagVersion(
    name: string,
    version: string,
    tags: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    // Of a run or a folder the version is no number.
    if (!/^\d+$/.test(version)) return
    for (const [key, value] of Object.entries(tags)) {
      const change = await this.#client.setVersionTag(name, version, key, value, signal)
      if (change.done) continue
      throw new ServingError(
        'VERSION_NOT_FOUND',
        `Version ${version} of model "${name}" at ${this.location} takes no tag "${key}": ${change.why}`,
      )
    }
  }

  async #resolveFollowed(
    name: string,
    refs: readonly FollowedRef[],
    found: Map<ModelRef, Resolution>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const model = await this.#client.registeredModel(name, signal)
      if (model === undefined) throw this.#modelNotFound(name)
      const targets = refs.map((ref) => targetOf(ref, model))
      const versions = await this.#describeAll(name, targets, model, signal)
      for (const [index, ref] of refs.entries()) {
        const target = targets[index] ?? unasked(ref)
        if (target instanceof ServingError) found.set(ref, target)
        else found.set(ref, versions.get(target) ?? danglingAlias(ref, target))
      }
    } catch (error) {
      const failure = inPlace(error)
      for (const ref of refs) found.set(ref, failure)
    }
  }

  /** Describes each version that is wanted; those known in the model's present state without a call. */
  async #describeAll(
    name: string,
    targets: readonly (string | ServingError)[],
    model: MlflowRegisteredModel,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Resolution | undefined>> {
    const stamp = `${model.creation_timestamp} ${model.last_updated_timestamp}`
    const before = this.#known.get(name)
    const known = before?.stamp === stamp ? before.versions : undefined
    const resolutions = new Map<string, Resolution | undefined>()
    const versions = new Map<string, ModelVersion>()
    const describe = async (version: string): Promise<void> => {
      const latest = model.latest_versions.find((entry) => entry.version === version)
      const resolution =
        known?.get(version) ?? (await this.#describe(name, version, latest, signal).catch(inPlace))
      resolutions.set(version, resolution)
      if (resolution !== undefined && !(resolution instanceof ServingError)) {
        versions.set(version, resolution)
      }
    }
    const wanted = new Set(targets.filter((target) => typeof target === 'string'))
    await Promise.all([...wanted].map(describe))
    this.#known.set(name, { stamp, versions })
    return resolutions
  }

  /** `entry` is what the registry said of the version already. Undefined when there is no such version. */
  async #describe(
    name: string,
    version: string,
    entry: MlflowModelVersion | undefined,
    signal: AbortSignal,
  ): Promise<ModelVersion | undefined> {
    const facts = entry ?? (await this.#client.modelVersion(name, version, signal))
    if (facts === undefined) return undefined
    if (facts.status !== 'READY') {
      const why = facts.status_message === '' ? '' : ` (${facts.status_message})`
      throw new ServingError(
        'VERSION_NOT_READY',
        `Version ${version} of model "${name}" is ${facts.status}${why}, expected READY`,
      )
    }
    const { source } = await this.#locator.locate({ kind: 'version', name, version }, signal)
    return { name, version, source, identity: `${facts.creation_timestamp}-${fingerprint(source)}` }
  }

  async #resolveFixed(
    ref: Exclude<ModelRef, FollowedRef>,
    signal: AbortSignal,
  ): Promise<ModelVersion> {
    if (ref.kind === 'artifact') return resolveArtifact(ref)
    if (ref.kind !== 'version') {
      const { source, identity } = await this.#locator.locate(ref, signal)
      return { name: servedName(ref), version: refLabel(ref), source, identity }
    }
    const { name, version } = ref
    const described = await this.#describe(name, version, undefined, signal)
    if (described !== undefined) return described
    const model = await this.#client.registeredModel(name, signal)
    if (model === undefined) throw this.#modelNotFound(name)
    throw versionNotFound(
      name,
      version,
      model.latest_versions.map((entry) => entry.version),
    )
  }

  #modelNotFound(name: string): ServingError {
    return new ServingError(
      'MODEL_NOT_FOUND',
      `No registered model "${name}" at ${this.location}; check the name, and MLFLOW_REGISTRY_URI and MLFLOW_TRACKING_URI`,
    )
  }
}

/** The version number that an alias, a stage or `latest` means in a model's present state. */
function targetOf(ref: FollowedRef, model: MlflowRegisteredModel): string | ServingError {
  const { name } = ref
  if (ref.kind === 'alias') {
    const target = model.aliases.find(({ alias }) => alias === ref.alias)
    if (target !== undefined) return target.version
    const aliases = model.aliases.map(({ alias }) => alias)
    return aliasNotFound(name, ref.alias, aliases)
  }
  const candidates = model.latest_versions.filter(
    (entry) => ref.kind === 'latest' || entry.current_stage === ref.stage,
  )
  const highest = highestVersion(candidates.map((entry) => entry.version))
  if (highest !== undefined) return highest
  return noVersion(name, ref.kind === 'latest' ? '' : ` in stage ${ref.stage}`)
}

function unasked(ref: ModelRef): ServingError {
  return new ServingError('INTERNAL', `Reference ${refLabel(ref)} was not resolved`)
}
