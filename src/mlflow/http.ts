import type { ServingError } from '../errors.ts'
import { systemCode } from '../network-failure.ts'
import { authorization, type MlflowConnection, mlflowBaseUrl } from './connection.ts'
import {
  connectionFailure,
  type FailureCodes,
  notMlflowFailure,
  redirectFailure,
  statusFailure,
  timeoutFailure,
} from './failures.ts'
import { createFetcher, type Fetcher } from './tls-fetch.ts'

const DEFAULT_TIMEOUT_MS = 5000
const MAX_REDIRECTS = 5
/** More than any answer about models needs; an answer beyond it is not held in memory. */
const MAX_JSON_BYTES = 32 * 1024 * 1024

export interface MlflowRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Overrides the connection's limit. */
  readonly timeoutMs?: number
  readonly signal: AbortSignal
}

/** What MLflow answered: its JSON object, or its error (mlflow/exceptions.py, `serialize_as_json`). */
export type MlflowReply =
  | { readonly ok: true; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly ok: false
      readonly status: number
      readonly errorCode: string
      readonly message: string
    }

/**
 * Calls to one MLflow server with its login. Redirects are followed on the same origin only, so the login
 * never reaches another host. Failures are ServingErrors with the codes given; a caller's abort is thrown as it is.
 */
export class MlflowHttp {
  /** For people and logs: the address without credentials. */
  readonly location: string
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number
  readonly #codes: FailureCodes
  readonly #connection: MlflowConnection
  #fetcher: Promise<Fetcher> | undefined

  /** @throws ServingError CONFIG_INVALID for an address that is not http(s). */
  constructor(connection: MlflowConnection, codes: FailureCodes) {
    this.#base = mlflowBaseUrl(connection.uri)
    this.location = this.#base.origin + (this.#base.pathname === '/' ? '' : this.#base.pathname)
    this.#connection = connection
    this.#codes = codes
    this.#timeoutMs = connection.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const login = authorization(connection)
    this.#headers = {
      accept: '*/*',
      'user-agent': connection.userAgent ?? 'baton',
      ...(login === undefined ? {} : { authorization: login }),
      ...(connection.workspace ? { 'x-mlflow-workspace': connection.workspace } : {}),
    }
  }

  /**
   * Sends one request for `path` below the server's address, whose parts the caller has percent-encoded, and
   * gives the answer once its headers are here, whatever the status. The time limit covers that much; the body
   * is the caller's to read or cancel, and `signal` still aborts it.
   */
  async stream(path: string, request: MlflowRequest): Promise<Response> {
    const deadline = new Deadline(request.timeoutMs ?? this.#timeoutMs, request.signal)
    try {
      return await this.#follow(path, request, deadline)
    } finally {
      deadline.clear()
    }
  }

  /**
   * Sends one request and reads the JSON object it answers. A 4xx that MLflow itself explains is a reply, and
   * so is a route that is not there (ENDPOINT_NOT_FOUND); refused logins, 5xx, and other text are thrown.
   */
  async json(path: string, request: MlflowRequest): Promise<MlflowReply> {
    const deadline = new Deadline(request.timeoutMs ?? this.#timeoutMs, request.signal)
    try {
      const response = await this.#follow(path, request, deadline)
      const text = await this.#readText(response, deadline)
      return this.#reply(response, text)
    } finally {
      deadline.clear()
    }
  }

  /**
   * What an answer outside 2xx means whatever was asked (refused login, Host check, overload); undefined where
   * it depends on the call. Reads the body.
   */
  async failure(response: Response): Promise<ServingError | undefined> {
    const text = await response.text().catch(() => '')
    return statusFailure(response.status, text, this.location, this.#codes)
  }

  /** A reply that nobody foresaw, as a failure with the server's own words. */
  unexpected(reply: MlflowReply, call: string): ServingError {
    if (reply.ok) {
      return notMlflowFailure(`JSON of another kind from ${call}`, this.location, this.#codes)
    }
    const received = `${reply.status} ${reply.errorCode} from ${call} (${reply.message})`
    return notMlflowFailure(received, this.location, this.#codes)
  }

  /** Closes kept connections; nothing may be in flight. */
  async close(): Promise<void> {
    const fetcher = await this.#fetcher?.catch(() => undefined)
    await fetcher?.close()
  }

  async #follow(path: string, request: MlflowRequest, deadline: Deadline): Promise<Response> {
    let url = new URL(this.#base.href.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(request.query ?? {})) {
      url.searchParams.append(name, value)
    }
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.#send(url, request, deadline)
      const target = redirectTarget(response, url)
      if (target === undefined) return response
      await response.body?.cancel()
      const keepsMethod = request.method === undefined || request.method === 'GET'
      const mayFollow = keepsMethod || response.status === 307 || response.status === 308
      if (target.origin !== url.origin || !mayFollow) {
        throw redirectFailure(target.origin + target.pathname, this.location, this.#codes)
      }
      url = target
    }
    throw redirectFailure('itself, over and over', this.location, this.#codes)
  }

  async #send(url: URL, request: MlflowRequest, deadline: Deadline): Promise<Response> {
    const fetcher = await this.#open()
    const init: RequestInit = {
      method: request.method ?? 'GET',
      redirect: 'manual',
      signal: deadline.signal,
      headers: {
        ...this.#headers,
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    }
    try {
      return await fetcher.fetch(url.href, init)
    } catch (error) {
      // The server may close a kept connection in the very moment it is used again.
      if (init.method === 'GET' && !deadline.signal.aborted && wasClosed(error)) {
        return await fetcher.fetch(url.href, init).catch((again) => this.#fail(again, deadline))
      }
      return this.#fail(error, deadline)
    }
  }

  /** A failed opening is forgotten, so that a certificate file mended later is read then. */
  #open(): Promise<Fetcher> {
    this.#fetcher ??= createFetcher(this.#connection).catch((error: unknown) => {
      this.#fetcher = undefined
      throw error
    })
    return this.#fetcher
  }

  #fail(error: unknown, deadline: Deadline): never {
    deadline.callerSignal.throwIfAborted()
    if (deadline.expired) throw timeoutFailure(deadline.ms, this.location, this.#codes)
    throw connectionFailure(error, this.location, this.#codes)
  }

  async #readText(response: Response, deadline: Deadline): Promise<string> {
    const decoder = new TextDecoder()
    let bytes = 0
    let text = ''
    try {
      for await (const piece of response.body ?? []) {
        bytes += piece.byteLength
        if (bytes > MAX_JSON_BYTES) break
        text += decoder.decode(piece, { stream: true })
      }
    } catch (error) {
      this.#fail(error, deadline)
    }
    if (bytes > MAX_JSON_BYTES) {
      const received = `more than ${MAX_JSON_BYTES} bytes`
      throw notMlflowFailure(received, this.location, this.#codes)
    }
    return text + decoder.decode()
  }

  #reply(response: Response, text: string): MlflowReply {
    const { status } = response
    if (status >= 400) {
      const failure = statusFailure(status, text, this.location, this.#codes)
      if (failure !== undefined) throw failure
    }
    const body = parseObject(text)
    if (status === 404 && typeof body?.error_code !== 'string') {
      // Flask's page or FastAPI's {"detail"}: the server, or what stands before it, has no such route.
      return { ok: false, status, errorCode: 'ENDPOINT_NOT_FOUND', message: 'no such route' }
    }
    if (body === undefined) {
      const type = response.headers.get('content-type') ?? 'no content type'
      const received = `${status} with ${type} that is no JSON object`
      throw notMlflowFailure(received, this.location, this.#codes)
    }
    if (response.ok) return { ok: true, body }
    const { error_code: errorCode, message } = body
    if (typeof errorCode !== 'string') {
      throw notMlflowFailure(`${status} with JSON of another kind`, this.location, this.#codes)
    }
    return { ok: false, status, errorCode, message: typeof message === 'string' ? message : '' }
  }
}

/** Aborts when the caller does, or when its time is up; keeps the two apart. */
class Deadline {
  readonly ms: number
  readonly callerSignal: AbortSignal
  readonly signal: AbortSignal
  readonly #timeUp = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(ms: number, callerSignal: AbortSignal) {
    this.ms = ms
    this.callerSignal = callerSignal
    this.signal = AbortSignal.any([callerSignal, this.#timeUp.signal])
    this.#timer = setTimeout(() => this.#timeUp.abort(), ms)
  }

  get expired(): boolean {
    return this.#timeUp.signal.aborted
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}

function redirectTarget(response: Response, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined
  const location = response.headers.get('location')
  if (location === null || !URL.canParse(location, from.href)) return undefined
  return new URL(location, from)
}

function wasClosed(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(systemCode(error))
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
