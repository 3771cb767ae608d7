import type { CacheStatus } from '../artifacts/cache/artifact-cache.ts'
import type { ServingMetrics } from '../metrics.ts'
import type { PollStatus } from '../registry/model-poll.ts'
import type { ModelStatus, RefStatus, VersionStatus } from '../serving/model-status.ts'

export interface GaugeSources {
  readonly models: readonly ModelStatus[]
  readonly polls: readonly PollStatus[]
  readonly cache: CacheStatus
  /** Bytes of large bodies that are held. */
  readonly bodyBytes: number
  readonly connections: number
  /** What a start without the registry serves. */
  readonly fromCache: readonly {
    readonly model: string
    readonly ref: string
    readonly version: string
  }[]
}

/** Sets the gauges that describe how things stand now; called when metrics are read. */
export function setGauges(metrics: ServingMetrics, sources: GaugeSources): void {
  const { models, polls, cache, fromCache } = sources
  for (const gauge of [
    metrics.serving,
    metrics.pinned,
    metrics.backend,
    metrics.versionState,
    metrics.probation,
    metrics.inFlight,
    metrics.queuedRows,
    metrics.batchingEnabled,
    metrics.rehearsalDifference,
    metrics.versionMemory,
    metrics.servedFromCache,
  ]) {
    gauge.reset()
  }
  for (const model of models) setModelGauges(metrics, model)
  for (const { name, lastContactAt, error } of polls) {
    if (lastContactAt !== undefined) {
      metrics.registryContact.set({ model: name }, lastContactAt / 1000)
    }
    metrics.registryUp.set({ model: name }, error === undefined ? 1 : 0)
  }
  for (const { model, ref, version } of fromCache) {
    metrics.servedFromCache.set({ model, ref, version }, 1)
  }
  metrics.cacheBytes.set(cache.bytes)
  metrics.cacheEntries.set(cache.entries)
  metrics.heldBodyBytes.set(sources.bodyBytes)
  metrics.connections.set(sources.connections)
}

function setModelGauges(metrics: ServingMetrics, { name, refs, versions }: ModelStatus): void {
  for (const ref of refs) setRefGauges(metrics, name, ref)
  for (const version of versions) setVersionGauges(metrics, name, version)
}

function setRefGauges(
  metrics: ServingMetrics,
  model: string,
  { ref, serving, probation, pinned }: RefStatus,
): void {
  if (pinned !== undefined) metrics.pinned.set({ model, ref, version: pinned.version }, 1)
  if (serving !== undefined) metrics.serving.set({ model, ref, version: serving }, 1)
  if (probation === undefined) return
  const { version, previous } = probation
  metrics.probation.set({ model, ref, version, previous }, 1)
}

function setVersionGauges(metrics: ServingMetrics, model: string, status: VersionStatus): void {
  const { version, state, leases, waitingRows, batching, backend } = status
  const { missingKernel, memory, rehearsal } = status
  const labels = { model, version }
  if (backend !== undefined) {
    metrics.backend.set({ ...labels, backend, missing_kernel: missingKernel ?? '' }, 1)
  }
  metrics.versionState.set({ ...labels, state }, 1)
  if (memory !== undefined) {
    const measured = String(memory.measured)
    metrics.versionMemory.set({ ...labels, measured }, memory.bytes)
  }
  if (rehearsal !== undefined) {
    const { largestDifference: largest, meanDifference: mean, changed } = rehearsal
    for (const [measure, value] of Object.entries({ largest, mean, changed })) {
      metrics.rehearsalDifference.set({ ...labels, measure }, value)
    }
  }
  if (batching === undefined) return
  metrics.inFlight.set(labels, leases)
  metrics.queuedRows.set(labels, waitingRows)
  metrics.batchingEnabled.set(labels, batching.enabled ? 1 : 0)
}
