/** Whether versions get workers of their own. */
export type PlacementPolicy = 'auto' | 'dedicated' | 'shared'

/** What lives on workers now, those that are being loaded included. */
export interface PlacementSnapshot {
  /** Cores that the process may use. */
  readonly cores: number
  /** Other models: those that are loaded, on workers of any kind, or those that are to be served where they are more. */
  readonly models: number
  /** Workers that share, with the number of models on each. */
  readonly shared: readonly { readonly id: number; readonly models: number }[]
}

/** A model to place. */
export interface PlacementRequest {
  /** Bytes of its files. */
  readonly bytes: number
  /** Workers it wants. */
  readonly workers: number
}

export type Placement =
  | { readonly kind: 'own'; readonly workers: number }
  | { readonly kind: 'shared'; readonly workers: readonly (number | 'new')[] }

/**
 * Loading takes about a millisecond a megabyte, and stops the worker it happens on; a thread of its own costs
 * about 10 MB. From this size on the thread is the cheaper of the two.
 */
export const LARGE_MODEL_BYTES = 8 * 2 ** 20

/**
 * Where a model goes. On `auto` it gets workers of its own while there are fewer models than cores, and whenever
 * its files are large; small models beyond that share as many workers as there are cores.
 * A version and its successor count as two, so that one model alone is always handed over between own workers.
 */
export function place(
  policy: PlacementPolicy,
  snapshot: PlacementSnapshot,
  request: PlacementRequest,
): Placement {
  return wantsOwn(policy, snapshot, request)
    ? { kind: 'own', workers: request.workers }
    : { kind: 'shared', workers: chooseShared(snapshot, request.workers) }
}

function wantsOwn(
  policy: PlacementPolicy,
  { cores, models }: PlacementSnapshot,
  { bytes }: PlacementRequest,
): boolean {
  if (policy !== 'auto') return policy === 'dedicated'
  return bytes >= LARGE_MODEL_BYTES || models < Math.max(cores, 2)
}

/** New workers up to the number of cores, then those with the fewest models. */
function chooseShared(snapshot: PlacementSnapshot, wanted: number): (number | 'new')[] {
  const limit = Math.max(snapshot.cores, 1)
  const workers = Math.min(wanted, Math.max(limit, snapshot.shared.length))
  const fresh = Math.min(workers, Math.max(limit - snapshot.shared.length, 0))
  const emptiest = snapshot.shared.toSorted((a, b) => a.models - b.models || a.id - b.id)
  return [
    ...Array.from({ length: fresh }, () => 'new' as const),
    ...emptiest.slice(0, workers - fresh).map(({ id }) => id),
  ]
}
