import { type Clock, systemClock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ArtifactFile, ArtifactSink, ArtifactStore } from '../interfaces.ts'
import type { MlflowConnection } from '../mlflow/connection.ts'
import { connectionFailure, type FailureCodes, statusFailure } from '../mlflow/failures.ts'
import { MlflowHttp } from '../mlflow/http.ts'
import { readListing } from './proxy-listing.ts'
import { type ProxyLocation, parseProxyUri } from './proxy-location.ts'
import { DOWNLOAD_RETRIES, type RetryPolicy, retrying } from './retry.ts'
import { withTimeLimit } from './time-limit.ts'

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
    const folders = ['']
    for (const folder of folders) {
      const text = await retrying(this.#retries, this.#clock, signal, () =>
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
    if (!response.ok) throw refusal(response.status, text, server.location, 'listing')
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
      throw refusal(response.status, text, server.location, 'file')
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

  #server({ connection }: ProxyLocation): MlflowHttp {
    const known = this.#servers.get(connection.uri)
    if (known !== undefined) return known
    const server = new MlflowHttp(connection, CODES)
    this.#servers.set(connection.uri, server)
    return server
  }
}

/** What an answer outside 2xx means here. */
function refusal(
  status: number,
  text: string,
  location: string,
  what: 'listing' | 'file',
): ServingError {
  if (status === 503 && /serve-artifacts/.test(text)) {
    return new ServingError(
      'ARTIFACT_DENIED',
      `MLflow at ${location} does not hand out artifacts: it runs with --no-serve-artifacts; start it with --serve-artifacts, or register versions whose source is the store itself (s3://...)`,
      { details: { location, status } },
    )
  }
  if (status === 404) {
    const reason =
      what === 'file'
        ? 'was the version deleted while it was downloaded?'
        : 'does the server have the artifact proxy (MLflow 1.22 or later), and has MLFLOW_TRACKING_URI the right path prefix?'
    return new ServingError(
      'ARTIFACT_NOT_FOUND',
      `MLflow at ${location} has no such ${what} (404); ${reason}`,
      { details: { location, status } },
    )
  }
  return (
    statusFailure(status, text, location, CODES) ??
    new ServingError(
      'ARTIFACT_UNAVAILABLE',
      `MLflow at ${location} answered ${status} to a request for a ${what}; check MLFLOW_TRACKING_URI and what stands between`,
      { details: { location, status } },
    )
  )
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
