/** How requests of one model become batches. */
export interface BatchSettings {
  /** Rows a batch holds at most; 1 turns batching off. A larger request runs alone. */
  readonly maxRows: number
  /** Bytes of input a batch holds at most. A larger request runs alone. */
  readonly maxBytes: number
  /** Milliseconds a batch waits for company while a worker is free. 0: never, a batch is what came while workers ran. */
  readonly maxDelayMs: number
  /** Rows that may wait for a worker; a request beyond them is refused with QUEUE_FULL. */
  readonly maxQueueRows: number
  /** Bytes of input that may wait for a worker. */
  readonly maxQueueBytes: number
}

/**
 * 64 rows: past that a worker gains nothing more from a larger batch on small models, and on large ones the
 * last row would wait for all the others.
 */
export const DEFAULT_BATCH_SETTINGS: BatchSettings = {
  maxRows: 64,
  maxBytes: 32 * 2 ** 20,
  maxDelayMs: 0,
  maxQueueRows: 16_384,
  maxQueueBytes: 256 * 2 ** 20,
}

/** Delay before a failed version is tried again: `firstMs`, then doubled with each failure up to `maxMs`. */
export interface BackoffSettings {
  readonly firstMs: number
  readonly maxMs: number
}

/** How versions come into service and leave it. */
export interface ManagerSettings {
  /** Versions that are downloaded and loaded at once, over all models. */
  readonly maxConcurrentLoads: number
  /** Milliseconds a version that is no longer wanted waits for its requests before they are cut. */
  readonly drainTimeoutMs: number
  readonly backoff: BackoffSettings
  /** What becomes of a version that does not fit beside the one it would replace. */
  readonly memorySwap: MemorySwap
}

/**
 * `refuse`: it fails with INSUFFICIENT_MEMORY. `memory-first`: the old version is unloaded before it is loaded, and
 * nothing answers meanwhile. `off`: it is loaded all the same.
 */
export type MemorySwap = 'refuse' | 'memory-first' | 'off'

export const DEFAULT_MANAGER_SETTINGS: ManagerSettings = {
  maxConcurrentLoads: 2,
  drainTimeoutMs: 30_000,
  backoff: { firstMs: 1_000, maxMs: 300_000 },
  memorySwap: 'refuse',
}
