import type { Config } from '../config/read-config.ts'
import { ServingError } from '../errors.ts'
import type { Registry } from '../interfaces.ts'
import { type ModelRef, parseModelUri, servedName } from '../model/model-uri.ts'

/**
 * The references to serve: those that are configured, else every model of a folder registry.
 * @throws ServingError CONFIG_INVALID when there is nothing to serve; MODEL_URI_INVALID.
 */
export async function servedRefs(
  config: Config,
  registry: Registry,
  signal: AbortSignal,
): Promise<readonly ModelRef[]> {
  if (config.modelUris.length > 0) return config.modelUris.map(parseModelUri)
  if (registry.listModels === undefined) {
    throw new ServingError(
      'CONFIG_INVALID',
      `Expected a model to serve from ${registry.location}, received none; set MODEL_NAME (and MODEL_ALIAS), MODEL_URI or --model-uri`,
    )
  }
  const refs = await registry.listModels(signal)
  if (refs.length > 0) return refs
  throw new ServingError(
    'CONFIG_INVALID',
    `Expected models in the folder ${registry.location} (<model>/<version>/MLmodel), found none; set --registry-uri or MLFLOW_TRACKING_URI`,
  )
}

/** Settings that one model has for itself, found by the name it is served under. */
export function ownSettings(config: Config) {
  const byName = new Map(
    config.modelEntries.map((entry) => [servedName(parseModelUri(entry.uri)), entry]),
  )
  return (model: string) => byName.get(model)
}
