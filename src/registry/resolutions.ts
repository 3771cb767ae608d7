import { ServingError } from '../errors.ts'
import type { Resolution } from '../interfaces.ts'
import { type ModelRef, refLabel } from '../model/model-uri.ts'

export type FollowedRef = Extract<ModelRef, { readonly kind: 'alias' | 'latest' | 'stage' }>

/** The highest of version numbers kept as text, whatever their size; what is no number is passed over. */
export function highestVersion(versions: readonly string[]): string | undefined {
  let highest: string | undefined
  for (const version of versions) {
    if (!/^\d+$/.test(version)) continue
    if (highest === undefined || BigInt(version) > BigInt(highest)) highest = version
  }
  return highest
}

/** What a person needs to mend a wrong alias: the aliases there are. */
export function aliasNotFound(
  name: string,
  alias: string,
  aliases: readonly string[],
): ServingError {
  const known = aliases.length === 0 ? 'it has none' : `its aliases are ${aliases.join(', ')}`
  return new ServingError('ALIAS_NOT_FOUND', `Model "${name}" has no alias "${alias}"; ${known}`, {
    details: { aliases },
  })
}

/** `versions` are those the registry told of; the newest of them goes into the message. */
export function versionNotFound(
  name: string,
  version: string,
  versions: readonly string[],
): ServingError {
  const newest = highestVersion(versions)
  return new ServingError(
    'VERSION_NOT_FOUND',
    `Model "${name}" has no version ${version}; ${newest === undefined ? 'it has none' : `its newest is ${newest}`}`,
  )
}

export function noVersion(name: string, where = ''): ServingError {
  return new ServingError('VERSION_NOT_FOUND', `Model "${name}" has no version${where}`)
}

/** An alias that outlived its version. */
export function danglingAlias(ref: FollowedRef, version: string): ServingError {
  return new ServingError(
    'VERSION_NOT_FOUND',
    `"${refLabel(ref)}" of model "${ref.name}" names version ${version}, which is not there; point it at another version`,
  )
}

/** A failure as a resolution; an abort and a fault of our own are thrown on. */
export function inPlace(error: unknown): ServingError {
  if (error instanceof ServingError) return error
  throw error
}

/**
 * The resolutions, unless the registry answered for none of them.
 * @throws ServingError the first of them when all are REGISTRY_UNAVAILABLE, REGISTRY_DENIED or MODEL_NOT_FOUND
 */
export function answered(resolutions: readonly Resolution[]): readonly Resolution[] {
  const [first] = resolutions
  if (first instanceof ServingError && resolutions.every(isRegistryFailure)) throw first
  return resolutions
}

function isRegistryFailure(resolution: Resolution): boolean {
  if (!(resolution instanceof ServingError)) return false
  return ['REGISTRY_UNAVAILABLE', 'REGISTRY_DENIED', 'MODEL_NOT_FOUND'].includes(resolution.code)
}
