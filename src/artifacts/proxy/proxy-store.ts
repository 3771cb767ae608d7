import { type Clock, systemClock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { ArtifactFile, ArtifactSink, ArtifactStore } from '../../interfaces.ts'
import type { MlflowConnection } from '../../mlflow/connection.ts'
import { connectionFailure, type FailureCodes } from '../../mlflow/failures.ts'
import { MlflowHttp } from '../../mlflow/http.ts'
import { DOWNLOAD_RETRIES, type RetryPolicy, retrying } from '../retry.ts'
import { withTimeLimit } from '../time-limit.ts'
import { type ProxyLocation, parseProxyUri } from './proxy-location.ts'
import { proxyRefusal } from './proxy-refusal.ts'

export interface ProxyStoreOptions {
  /** MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT: milliseconds one file may take; undefined for no limit. */
  readonly downloadTimeoutMs?: number | undefined
  /** Milliseconds a transfer may stand still before it is begun again. */
  readonly idleTimeoutMs?: number
  readonly retries?: RetryPolicy
  readonly clock?: Clock
}

const CODES: FailureCodes = { unavailable: 'ARTIFACT_UNAVAILABLE', denied: 'ARTIFACT_DENIED' }
const IDLE_TIMEOUT_MS = 30_000
const LIST_TIMEOUT_MS = 60_000
/** The proxy fetches a whole file from its own store before it sends the first byte. */
const FIRST_BYTE_TIMEOUT_MS = 600_000
/** Nothing is lost when a listing fails, and who waits for it wants to know why. */
const LIST_ATTEMPTS = 3
/** No model has that many; a listing that goes round in circles does. */
const MAX_FOLDERS = 10_000

/** Files behind the artifact proxy of an MLflow server: `mlflow-artifacts:`, and its API root at `http(s):`. */
export class ProxyStore implements ArtifactStore {
  readonly schemes = ['mlflow-artifacts', 'http', 'https']
  readonly #tracking: MlflowConnection | undefined
  readonly #downloadTimeoutMs: number | undefined
  readonly #idleTimeoutMs: number
  readonly #retries: RetryPolicy
  readonly #clock: Clock
  readonly #servers = new Map<string, MlflowHttp>()

  /** @param tracking the tracking server and our login there; undefined where there is none. */
  constructor(tracking: MlflowConnection | undefined, options: ProxyStoreOptions = {}) {
    this.#tracking = tracking
    this.#downloadTimeoutMs = options.downloadTimeoutMs
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS
    this.#retries = options.retries ?? DOWNLOAD_RETRIES
    this.#clock = options.clock ?? systemClock
  }

  /** Asks for one folder after the other: the proxy lists one level. A missing folder lists as empty. */
  async *list(uri: string, signal: AbortSignal): AsyncIterable<ArtifactFile> {
    const location = parseProxyUri(uri, this.#tracking)
    const { readListing } = await import('./proxy-listing.ts')
    const attempts = Math.min(LIST_ATTEMPTS, this.#retries.attempts)
    const folders = ['']
    for (const folder of folders) {
      const text = await retrying({ ...this.#retries, attempts }, this.#clock, signal, () =>
        this.#listFolder(location, folder, signal),
      )
      for (const { path, isFolder, size } of readListing(text, folder)) {
        if (!isFolder) yield { path, size, etag: undefined }
        else if (folders.push(path) > MAX_FOLDERS) throw tooManyFolders()
      }
    }
  }

  /** One stream from the first byte to the last; the proxy knows no ranges, so a broken one begins again. */
  async download(
    uri: string,
    file: ArtifactFile,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<void> {
    const location = parseProxyUri(uri, this.#tracking)
    let attempts = 0
    await withTimeLimit(this.#clock, this.#downloadTimeoutMs, signal, (limited) =>
      retrying(this.#retries, this.#clock, limited, async () => {
        if (attempts++ > 0) await sink.restart()
        await this.#stream(location, file, sink, limited)
      }),
    )
  }

  async close(): Promise<void> {
    const servers = [...this.#servers.values()]
    this.#servers.clear()
    await Promise.all(servers.map((server) => server.close()))
  }

  async #listFolder(location: ProxyLocation, folder: string, signal: AbortSignal): Promise<string> {
    const server = this.#server(location)
    const path = [location.folder, folder].filter((part) => part !== '').join('/')
    const response = await server.stream(location.route, {
      ...(path === '' ? {} : { query: { path } }),
      timeoutMs: LIST_TIMEOUT_MS,
      signal,
    })
    const text = await response.text().catch((error: unknown) => {
      signal.throwIfAborted()
      throw connectionFailure(error, server.location, CODES)
    })
    if (!response.ok) throw this.#refusal(location, response.status, text, 'listing')
    return text
  }

  async #stream(
    location: ProxyLocation,
    file: ArtifactFile,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<void> {
    const server = this.#server(location)
    const stalled = new AbortController()
    const path = [...location.folder.split('/'), ...file.path.split('/')]
      .filter((part) => part !== '')
      .map(encodeURIComponent)
      .join('/')
    const response = await server.stream(`${location.route}/${path}`, {
      timeoutMs: FIRST_BYTE_TIMEOUT_MS,
      signal: AbortSignal.any([signal, stalled.signal]),
    })
    if (!response.ok) {
      const text = await response.text().catch(() => '')
      throw this.#refusal(location, response.status, text, 'file')
    }
    let position = 0
    let cancel = () => {}
    const watch = () => {
      cancel()
      cancel = this.#clock.after(this.#idleTimeoutMs, () =>
        stalled.abort(stoodStill(server.location)),
      )
    }
    watch()
    try {
      for await (const bytes of response.body ?? []) {
        watch()
        await sink.write(bytes, position)
        position += bytes.byteLength
      }
    } catch (error) {
      signal.throwIfAborted()
      stalled.signal.throwIfAborted()
      if (error instanceof ServingError) throw error
      throw connectionFailure(error, server.location, CODES)
    } finally {
      cancel()
    }
    if (file.size !== undefined && position < file.size) throw endedEarly(file.size, position)
  }

  #refusal(
    location: ProxyLocation,
    status: number,
    text: string,
    what: 'listing' | 'file',
  ): ServingError {
    const { isTrackingServer } = location
    const server = this.#server(location).location
    return proxyRefusal({ status, text, server, what, isTrackingServer }, CODES)
  }

  #server({ connection }: ProxyLocation): MlflowHttp {
    const known = this.#servers.get(connection.uri)
    if (known !== undefined) return known
    const server = new MlflowHttp(connection, CODES)
    this.#servers.set(connection.uri, server)
    return server
  }
}

function stoodStill(location: string): ServingError {
  return new ServingError(
    'ARTIFACT_UNAVAILABLE',
    `MLflow at ${location} stopped sending in the middle of a file; check the server, the store behind it, and the network`,
  )
}

function endedEarly(expected: number, received: number): ServingError {
  return new ServingError(
    'ARTIFACT_UNAVAILABLE',
    `Expected ${expected} bytes of a file, as MLflow listed it, got ${received}; check what stands between`,
  )
}

function tooManyFolders(): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected at most ${MAX_FOLDERS} folders in a model, got more; nothing was written`,
  )
}
