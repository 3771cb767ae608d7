import type { ModelEntry } from '../model-entry.ts'
import { type ServedModel, versionId } from '../served-model.ts'

/** Why a version leaves service, for people. */
export function whyUnloaded<C>(model: ModelEntry<C>, { id }: ServedModel<C>): string {
  for (const { released, desired } of model.refs.values()) {
    if (released !== undefined && versionId(released) === id) {
      return `makes room for version ${desired?.version}`
    }
  }
  return 'no longer wanted'
}

/** Why a reference has another version now, for people. */
export function swapReason<C>(from: ServedModel<C> | undefined, to: ServedModel<C>): string {
  if (from === undefined) return 'first version loaded'
  if (from.version === to.version) return `version ${to.version} was registered again`
  return `moved from version ${from.version} to ${to.version}`
}
