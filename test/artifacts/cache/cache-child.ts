/** A process of its own with a cache: acquires one version, tells its parent of progress, then holds it. */
import { ArtifactCache } from '../../../src/artifacts/cache/artifact-cache.ts'
import { ProxyStore } from '../../../src/artifacts/proxy/proxy-store.ts'
import { systemClock } from '../../../src/clock.ts'
import type { ModelVersion } from '../../../src/interfaces.ts'

/** What the parent gives as its first argument, as JSON. */
export interface ChildTask {
  readonly folder: string
  readonly tracking: string
  readonly version: ModelVersion
}

export type ChildMessage =
  | { readonly kind: 'progress'; readonly bytesDone: number }
  | { readonly kind: 'held'; readonly folder: string }
  | { readonly kind: 'failed'; readonly message: string }

const task = JSON.parse(process.argv[2] ?? '') as ChildTask
const store = new ProxyStore({ uri: task.tracking })
const cache = new ArtifactCache(
  { storeFor: () => store },
  {
    folder: task.folder,
    maxBytes: 2 ** 30,
    maxFiles: 100,
    maxModelBytes: 2 ** 30,
    clock: systemClock,
  },
)
const tell = (message: ChildMessage) => process.send?.(message)

try {
  const artifact = await cache.acquire(
    task.version,
    ({ bytesDone }) => tell({ kind: 'progress', bytesDone }),
    new AbortController().signal,
  )
  tell({ kind: 'held', folder: artifact.folder })
  process.once('message', () => {
    artifact.release()
    process.disconnect()
  })
} catch (error) {
  tell({ kind: 'failed', message: String(error) })
  process.disconnect()
}
