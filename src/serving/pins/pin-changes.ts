import type { PinEvent } from '../events.ts'
import type { PinnedRef, RefEntry } from '../model-entry.ts'

type Pins = ReadonlyMap<string, PinnedRef | undefined>

/** The pin of each reference. */
export function pinsOf(refs: Iterable<RefEntry<unknown>>): Pins {
  return new Map(Array.from(refs, ({ label, pin }) => [label, pin]))
}

/** What has been pinned or unpinned from one to the other. */
export function pinChanges(model: string, before: Pins, after: Pins): PinEvent[] {
  const events: PinEvent[] = []
  for (const [ref, pin] of after) {
    const old = before.get(ref)
    if (pin !== undefined && (pin.version !== old?.version || pin.since !== old.since)) {
      const by = pin.by === undefined ? '' : ` by ${pin.by}`
      const reason = `"${ref}" stays at version ${pin.version}, pinned at ${pin.since}${by}`
      events.push({ model, ref, version: pin.version, action: 'pinned', by: pin.by, reason })
    }
    if (pin === undefined && old !== undefined) {
      const reason = `"${ref}" follows the registry again, from version ${old.version}`
      events.push({ model, ref, version: old.version, action: 'unpinned', by: undefined, reason })
    }
  }
  return events
}
