import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/read-config.ts'
import type { Settings } from '../config/settings.ts'
import type { Logger } from '../log.ts'
import { PinStore } from '../serving/pins/pin-store.ts'
import { type DesiredSink, PinnedRefs } from '../serving/pins/pinned-refs.ts'
import type { ModelSource } from './model-source.ts'

/** What stands between the registry and the manager, with the file that keeps it. */
export function createPins(
  config: Config,
  { opened, cacheFolder }: ModelSource,
  sink: DesiredSink,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): PinnedRefs {
  const registry = opened.registry.location
  const file = pinFile(config, cacheFolder, registry)
  const store = new PinStore({
    file,
    registry,
    onUnreadable: (why) =>
      log.warn(
        { file },
        `the file of pinned versions cannot be used, so nothing is pinned: ${why}`,
      ),
  })
  const onNotKept = (why: string) =>
    log.warn({ file }, `what is pinned holds until this process ends: ${why}`)
  return new PinnedRefs({ sink, store, clock, onNotKept })
}

/**
 * Where a server keeps what it has pinned. Several share a cache folder, on one machine or on a volume, so each has a
 * file by its host, port and registry. One whose port is any free one has no name to be found under again.
 */
export function pinFile(
  { stateFile, port }: Pick<Settings, 'stateFile' | 'port'>,
  cacheFolder: string,
  registry: string,
): string | undefined {
  if (stateFile !== undefined) return stateFile
  if (port === 0) return undefined
  const host = hostname().replace(/[^\w.-]+/g, '-')
  const hash = createHash('sha256').update(registry).digest('hex').slice(0, 8)
  return join(cacheFolder, '.pins', `${host}-${port}-${hash}.json`)
}
