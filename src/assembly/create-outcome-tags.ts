import type { Config } from '../config/read-config.ts'
import type { Registry } from '../interfaces.ts'
import { type OutcomeTagParts, OutcomeTags, tagOutcomes } from '../observe/outcome-tags.ts'
import type { ServingEvents } from '../serving/events.ts'

/** Writes what becomes of versions to the registry, where `--write-outcome-tags` says so and the registry takes tags. */
export function createOutcomeTags(
  { writeOutcomeTags }: Config,
  registry: Registry,
  events: ServingEvents,
  parts: Pick<OutcomeTagParts, 'clock' | 'log'>,
): OutcomeTags | undefined {
  if (!writeOutcomeTags) return undefined
  if (registry.tagVersion === undefined) {
    parts.log.warn(`${registry.location} takes no tags: --write-outcome-tags does nothing`)
    return undefined
  }
  const tags = new OutcomeTags({ ...parts, write: registry.tagVersion.bind(registry) })
  tagOutcomes(events, tags)
  return tags
}
