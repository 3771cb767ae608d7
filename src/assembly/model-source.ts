import { ArtifactCache, type CacheEvent } from '../artifacts/cache/artifact-cache.ts'
import { LastServedRecords } from '../artifacts/cache/last-served.ts'
import { ArtifactStores } from '../artifacts/stores.ts'
import type { Clock } from '../clock.ts'
import { mlflowConnection, s3Settings } from '../config/connections.ts'
import { userCacheFolder } from '../config/load-config.ts'
import type { Settings } from '../config/settings.ts'
import type { ServingError } from '../errors.ts'
import { type OpenRegistry, openRegistry } from '../registry/open-registry.ts'

/** Where models come from: the registry that names versions and the cache that holds their files. */
export interface ModelSource {
  readonly opened: OpenRegistry
  readonly cache: ArtifactCache
  readonly cacheFolder: string
  /** Which version served each reference last, beside the cache's entries. */
  readonly lastServed: LastServedRecords
  close(): Promise<void>
}

export interface ModelSourceHooks {
  readonly clock: Clock
  readonly onRegistryProblem?: (model: string, problem: ServingError) => void
  readonly onCacheEvent?: (event: CacheEvent) => void
}

/** Opens registry and cache as the settings say; nothing is called or written yet. */
export function openModelSource(settings: Settings, hooks: ModelSourceHooks): ModelSource {
  const uri = settings.registryUri ?? './models'
  const connection = (server: string) => mlflowConnection(settings, server)
  const opened = openRegistry({
    uri,
    trackingUri: settings.trackingUri,
    connection,
    ...(hooks.onRegistryProblem && { onProblem: hooks.onRegistryProblem }),
  })
  const tracking = [settings.trackingUri, uri].find((server) => /^https?:/i.test(server ?? ''))
  const stores = new ArtifactStores({
    s3: s3Settings(settings),
    mlflow: tracking === undefined ? undefined : connection(tracking),
    downloadTimeoutMs: settings.artifactTimeoutMs,
    clock: hooks.clock,
  })
  const folder = settings.cacheDir ?? userCacheFolder() ?? './.baton/cache'
  const cache = new ArtifactCache(stores, {
    folder,
    maxBytes: settings.cacheMaxBytes,
    maxFiles: settings.modelMaxFiles,
    maxModelBytes: settings.modelMaxBytes,
    verify: 'content',
    clock: hooks.clock,
    ...(hooks.onCacheEvent && { onEvent: hooks.onCacheEvent }),
  })
  const close = async () => {
    await stores.close()
    await opened.close()
  }
  const lastServed = new LastServedRecords(folder, hooks.clock)
  return { opened, cache, cacheFolder: folder, lastServed, close }
}
