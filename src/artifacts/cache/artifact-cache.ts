import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type {
  ArtifactSource,
  ArtifactStore,
  DownloadProgress,
  LocalArtifact,
  ModelVersion,
} from '../../interfaces.ts'
import { listModel, type ModelLimits } from '../listed-model.ts'
import { type CacheEntry, CacheFolder } from './cache-folder.ts'
import { createIndex, entryName, FILES, isWhole, readIndex } from './cache-index.ts'
import { EntryLeases } from './entry-leases.ts'
import { evict } from './eviction.ts'
import { Heartbeat } from './heartbeat.ts'
import { checkFreeSpace, downloadModel } from './model-download.ts'
import { ProcessOwner } from './process-owner.ts'
import { SharedTask } from './shared-task.ts'
import { Staging } from './staging.ts'

export interface ArtifactCacheOptions extends ModelLimits {
  /** The cache's folder; made when the first version is downloaded. */
  readonly folder: string
  /** Bytes that the entries may have together; what is in use may go beyond. */
  readonly maxBytes: number
  /** Copies local folders too, for those that may change under a loaded version; false: they are read in place. */
  readonly copyLocal?: boolean
  /** What is checked of an entry that is found: the size of every file, or its SHA-256 as well. */
  readonly verify?: Verification
  readonly clock: Clock
  /** Told of what happens, for logs and metrics. */
  readonly onEvent?: (event: CacheEvent) => void
}

type Verification = 'size' | 'content'

/** `damaged`: an entry's files were not those of its index; it was thrown away. */
export interface CacheEvent {
  readonly kind: 'hit' | 'miss' | 'downloaded' | 'evicted' | 'damaged'
  readonly model: string
  readonly version: string
  readonly bytes: number
}

/** What the cache holds and did, for metrics. Bytes and entries are those of its last look at the disk. */
export interface CacheStatus {
  readonly bytes: number
  readonly entries: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

/** Finds the store of an artifact URI. */
export interface StoreFinder {
  storeFor(uri: string): ArtifactStore
}

/** An entry can be taken away by another process between download and use; more often than this is no accident. */
const ATTEMPTS = 3

/**
 * Versions as files on local disk. Promises:
 *
 * 1. One download per version, however many ask at once; it stops when nobody waits any more.
 * 2. An entry is whole or not there: made beside, hashed, put safely on disk, renamed. What a killed process
 *    left is cleared, never used; what does not match its index is thrown away and downloaded again.
 * 3. Names, number and size of the files are checked before anything is written.
 * 4. What somebody holds is not evicted, here or in another process that shares the folder.
 * 5. A local folder is read in place, unless `copyLocal`; it is checked as a download is.
 */
export class ArtifactCache implements ArtifactSource {
  readonly #stores: StoreFinder
  readonly #options: ArtifactCacheOptions
  readonly #heartbeat: Heartbeat
  readonly #tasks = new Map<string, SharedTask<void, DownloadProgress>>()
  /** Uses in this process by entry name, from before the download until the release. */
  readonly #uses = new Map<string, number>()
  /** Bytes of the downloads under way, by entry name. */
  readonly #incoming = new Map<string, number>()
  #opened: Promise<OpenCache> | undefined
  #evicting: Promise<unknown> = Promise.resolve()
  #status: CacheStatus = { bytes: 0, entries: 0, hits: 0, misses: 0, evictions: 0 }

  constructor(stores: StoreFinder, options: ArtifactCacheOptions) {
    this.#stores = stores
    this.#options = options
    this.#heartbeat = new Heartbeat(options.clock)
  }

  async acquire(
    version: ModelVersion,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<LocalArtifact> {
    signal.throwIfAborted()
    const store = this.#stores.storeFor(version.source)
    if (store.localFolder !== undefined && !this.#options.copyLocal) {
      const folder = await store.localFolder(version.source, signal)
      const { bytes = 0 } = await listModel(store, version.source, this.#options, signal)
      return { folder, bytes, release: () => {} }
    }
    const cache = await this.#open()
    const name = entryName(version)
    const endUse = this.#use(name)
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        // What has just been downloaded was hashed on its way.
        const verify = attempt === 0 ? this.#verification : 'size'
        const artifact = await this.#borrow(cache, name, verify, endUse)
        if (attempt === 0) this.#count(artifact === undefined ? 'miss' : 'hit', version, artifact)
        if (artifact !== undefined) return artifact
        await this.#fetchOnce(cache, store, name, version, onProgress, signal)
      }
      throw new ServingError(
        'CACHE_FAILED',
        `A downloaded version disappeared ${ATTEMPTS} times before it could be used; is another process clearing the folder for downloaded models (--cache-dir, BATON_CACHE_DIR)?`,
      )
    } catch (error) {
      endUse()
      throw error
    }
  }

  /** What lies in the cache, the most recently used first. */
  async entries(): Promise<CacheEntry[]> {
    const { folder } = await this.#open()
    return (await folder.entries()).sort((a, b) => b.lastUsed - a.lastUsed)
  }

  /** Whether this version goes through the cache, as against one that is read in place. */
  keeps(version: ModelVersion): boolean {
    const store = this.#stores.storeFor(version.source)
    return store.localFolder === undefined || this.#options.copyLocal === true
  }

  /** Whether the version lies in the cache with every byte that was downloaded. */
  async holds(version: ModelVersion): Promise<boolean> {
    if (!this.keeps(version)) return false
    const { folder } = await this.#open()
    const entry = folder.entry(entryName(version))
    const index = await readIndex(entry)
    return index !== undefined && (await isWhole(entry, index, 'content'))
  }

  describe(): CacheStatus {
    return this.#status
  }

  get #verification(): Verification {
    return this.#options.verify ?? 'size'
  }

  /** A failed opening is forgotten: the disk may be mended. */
  #open(): Promise<OpenCache> {
    this.#opened ??= openCache(this.#options, this.#heartbeat).then(
      async (cache) => {
        // The bound may be lower than last time. A read-only cache cannot be made smaller, but it can be used.
        await this.#makeRoom(cache).catch(() => undefined)
        return cache
      },
      (error: unknown) => {
        this.#opened = undefined
        throw error
      },
    )
    return this.#opened
  }

  #use(name: string): () => void {
    this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1)
    let ended = false
    return () => {
      if (ended) return
      ended = true
      const left = (this.#uses.get(name) ?? 1) - 1
      if (left === 0) this.#uses.delete(name)
      else this.#uses.set(name, left)
    }
  }

  /** The entry, leased and checked; undefined when there is none that is whole. */
  async #borrow(
    { folder, leases }: OpenCache,
    name: string,
    verify: Verification,
    endUse: () => void,
  ): Promise<LocalArtifact | undefined> {
    const entry = folder.entry(name)
    const endLease = await leases.take(entry)
    if (endLease === undefined) return undefined
    const index = await readIndex(entry)
    if (index === undefined || !(await isWhole(entry, index, verify))) {
      await endLease()
      return undefined
    }
    await folder.touch(name)
    const release = () => {
      endUse()
      endLease().catch(() => undefined)
    }
    return { folder: join(entry, FILES), bytes: index.bytes, release }
  }

  async #fetchOnce(
    cache: OpenCache,
    store: ArtifactStore,
    name: string,
    version: ModelVersion,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const running = this.#tasks.get(name)
    if (running !== undefined && !running.abandoned) return await running.join(onProgress, signal)
    const task: SharedTask<void, DownloadProgress> = new SharedTask(async (report, taskSignal) => {
      try {
        await this.#fetch(cache, store, name, version, report, taskSignal)
      } finally {
        this.#incoming.delete(name)
        if (this.#tasks.get(name) === task) this.#tasks.delete(name)
      }
    })
    this.#tasks.set(name, task)
    await task.join(onProgress, signal)
  }

  /** Downloads the version and publishes it as an entry, unless there is a whole one by now. */
  async #fetch(
    cache: OpenCache,
    store: ArtifactStore,
    name: string,
    version: ModelVersion,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (await this.#settle(cache, name)) return
    const { folder, owner } = cache
    const model = await listModel(store, version.source, this.#options, signal)
    this.#incoming.set(name, model.bytes ?? 0)
    await this.#makeRoom(cache)
    if (model.bytes !== undefined) await checkFreeSpace(folder.root, model.bytes)
    const staging = await Staging.create(folder.staging, owner, this.#heartbeat)
    try {
      const files = await downloadModel(
        store,
        version.source,
        model,
        staging,
        this.#options,
        onProgress,
        signal,
      )
      const index = createIndex(version, files, this.#options.clock.now())
      this.#tell('downloaded', index.name, index.version, index.bytes)
      while (!(await staging.publish(index, folder.entry(name)))) {
        if (await this.#settle(cache, name)) return
      }
    } finally {
      // After the rename there is nothing left to discard.
      await staging.discard()
    }
    this.#incoming.delete(name)
    await this.#makeRoom(cache)
  }

  /** Whether a whole entry lies there; one that is not is thrown away. */
  async #settle({ folder }: OpenCache, name: string): Promise<boolean> {
    const entry = folder.entry(name)
    const index = await readIndex(entry)
    if (index !== undefined && (await isWhole(entry, index, this.#verification))) {
      return true
    }
    if (index !== undefined) this.#tell('damaged', index.name, index.version, index.bytes)
    // Another process may have put a whole one there in the meantime.
    const isWholeNow = async (trash: string) => {
      const latest = await readIndex(trash)
      return latest !== undefined && (await isWhole(trash, latest, this.#verification))
    }
    return !(await folder.remove(name, isWholeNow))
  }

  /** One eviction at a time: two would each make the room that both need. */
  async #makeRoom({ folder, leases }: OpenCache): Promise<void> {
    const run = this.#evicting.then(async () => {
      const left = await evict(folder, leases, {
        maxBytes: this.#options.maxBytes,
        neededBytes: [...this.#incoming.values()].reduce((sum, bytes) => sum + bytes, 0),
        isUsed: (name) => this.#uses.has(name),
        onEvicted: ({ index }) => {
          this.#status = { ...this.#status, evictions: this.#status.evictions + 1 }
          this.#tell('evicted', index.name, index.version, index.bytes)
        },
      })
      const bytes = left.reduce((sum, entry) => sum + entry.index.bytes, 0)
      this.#status = { ...this.#status, bytes, entries: left.length }
    })
    this.#evicting = run.catch(() => undefined)
    await run
  }

  #count(kind: 'hit' | 'miss', version: ModelVersion, artifact: LocalArtifact | undefined): void {
    const { hits, misses } = this.#status
    const counts = kind === 'hit' ? { hits: hits + 1 } : { misses: misses + 1 }
    this.#status = { ...this.#status, ...counts }
    this.#tell(kind, version.name, version.version, artifact?.bytes ?? 0)
  }

  #tell(kind: CacheEvent['kind'], model: string, version: string, bytes: number): void {
    this.#options.onEvent?.({ kind, model, version, bytes })
  }
}

/** The cache once its folder is there. */
interface OpenCache {
  readonly folder: CacheFolder
  readonly owner: ProcessOwner
  readonly leases: EntryLeases
}

async function openCache(options: ArtifactCacheOptions, heartbeat: Heartbeat): Promise<OpenCache> {
  const owner = await ProcessOwner.current()
  const folder = await CacheFolder.open(options.folder, owner, options.clock)
  return { folder, owner, leases: new EntryLeases(owner, heartbeat, options.clock) }
}
