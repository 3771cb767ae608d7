import type { CacheEntry, CacheFolder } from './cache-folder.ts'
import type { EntryLeases } from './entry-leases.ts'

/** The entries to try to evict, least recently used first; what this process uses is not among them. */
function evictionOrder(
  entries: readonly CacheEntry[],
  isUsed: (name: string) => boolean,
): CacheEntry[] {
  return entries
    .filter((entry) => !isUsed(entry.name))
    .sort((a, b) => a.lastUsed - b.lastUsed || (a.name < b.name ? -1 : 1))
}

export interface EvictionRequest {
  readonly maxBytes: number
  /** Bytes about to be written. */
  readonly neededBytes: number
  readonly isUsed: (name: string) => boolean
  readonly onEvicted: (entry: CacheEntry) => void
}

/**
 * Evicts until the entries and what is about to come fit into the bound. What is in use stays, here or in
 * another process, even if the bound is passed then: a hand-over needs the old and the new version at once.
 * @returns the entries that are left.
 */
export async function evict(
  folder: CacheFolder,
  leases: EntryLeases,
  { maxBytes, neededBytes, isUsed, onEvicted }: EvictionRequest,
): Promise<CacheEntry[]> {
  const entries = await folder.entries()
  const left = new Set(entries)
  let bytes = entries.reduce((sum, entry) => sum + entry.index.bytes, neededBytes)
  for (const entry of evictionOrder(entries, isUsed)) {
    if (bytes <= maxBytes) break
    if (await leases.heldElsewhere(entry.folder)) continue
    const isKept = async (trash: string) =>
      isUsed(entry.name) || (await leases.heldElsewhere(trash))
    if (!(await folder.remove(entry.name, isKept))) continue
    left.delete(entry)
    bytes -= entry.index.bytes
    onEvicted(entry)
  }
  return [...left]
}
