import type { Context } from 'hono'
import type { Clock } from '../clock.ts'
import { type MediaType, mediaType } from '../codec/mlflow/content-type.ts'
import { errorAnswer } from '../codec/mlflow/error-body.ts'
import type { Invocation } from '../codec/mlflow/invocation.ts'
import { type ErrorCode, ServingError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'
import type { SubmitOptions } from '../serving/batching/pending-request.ts'
import type { Lease } from '../serving/lease.ts'
import type { ModelManager, Selector } from '../serving/model-manager.ts'
import type { ServedModel } from '../serving/served-model.ts'
import { ClientPresence } from './client-presence.ts'
import { type BodyLimits, readBody } from './request-body.ts'
import { timeLimitMs } from './request-deadline.ts'
import type { Handler, HttpEnv } from './route-methods.ts'
import type { VersionScoring } from './version-scoring.ts'

export interface ScoringSettings {
  readonly requestTimeoutMs: number
  readonly serverTiming: boolean
  /** HTTP status where a queue or the memory for bodies is full. */
  readonly overloadStatus: '429' | '503'
}

export interface ScoringParts {
  readonly models: ModelManager<VersionScoring>
  readonly settings: ScoringSettings
  readonly bodyLimits: BodyLimits
  readonly metrics: ServingMetrics
  readonly clock: Clock
  readonly log: Logger
  /** The server is ending: its answers ask the client to leave. */
  readonly stopping: () => boolean
}

/**
 * From this size on a body is read here only where that takes one pass: 64 KiB take 3 ms otherwise, and a worker can
 * take as long as it likes. What is read here shares batches.
 */
const SLOW_BYTES = 64 * 1024
/** From this size on a body is never read here: 512 KiB take 1.6 ms in one pass, a 3x224x224 image 3.3 ms. */
const UNREAD_BYTES = 512 * 1024

/** Failures of a server that has enough to do. */
const OVERLOADS: ReadonlySet<ErrorCode> = new Set(['QUEUE_FULL', 'BODIES_FULL'])
/** Failures that a limit is the reason of. */
const REJECTIONS: ReadonlySet<ErrorCode> = new Set([
  ...OVERLOADS,
  'BODY_TOO_LARGE',
  'BODY_TIMEOUT',
  'TOO_MANY_ROWS',
  'DEADLINE_EXCEEDED',
  'CLIENT_CLOSED',
])

/** Milliseconds of the phases of one request. */
interface Timings {
  parseMs: number
  queueMs: number
  runMs: number
  encodeMs: number
}

/** MLflow's scoring protocol for the model that `select` finds in the path. */
export function scoringRoute(
  parts: ScoringParts,
  select: (c: Context<HttpEnv>) => Selector,
): Handler {
  return (c) => {
    let lease: Lease<VersionScoring>
    try {
      lease = parts.models.acquire(select(c))
    } catch (error) {
      return refuse(parts, c, ServingError.from(error))
    }
    return score(parts, c, lease)
  }
}

async function score(
  parts: ScoringParts,
  c: Context<HttpEnv>,
  lease: Lease<VersionScoring>,
): Promise<Response> {
  const { clock, settings } = parts
  const { incoming } = c.env
  const scoring = lease.model.contract
  const startedAt = clock.monotonic()
  const timings: Timings = { parseMs: 0, queueMs: 0, runMs: 0, encodeMs: 0 }
  let bodyBytes = 0
  try {
    const media = mediaType(incoming.headers['content-type'])
    const limitMs = timeLimitMs(incoming.headers['x-request-timeout-ms'], settings.requestTimeoutMs)
    const deadlineAt = startedAt + limitMs
    const body = await readBody(c.env, parts.bodyLimits, clock, deadlineAt)
    bodyBytes = body.length
    const options = { deadlineAt, signal: new ClientPresence(incoming), timings }
    const { exchanges } = scoring
    const taken = startedAt < exchanges.dueAt ? undefined : exchanges.take(media, body, startedAt)
    const readAt = clock.monotonic()
    const decoded = decodeHere(lease, media, body)
    if (decoded === undefined) {
      const text = await invoke(lease, media, body, options)
      if (taken !== undefined) exchanges.keep(taken, text, timings.runMs)
      record(lease.model, scoring, timings)
      return reply(parts, c, scoring, text, 200, timings, startedAt)
    }
    const { feeds, answer } = decoded instanceof Promise ? await decoded : decoded
    timings.parseMs = clock.monotonic() - readAt
    const outputs = await lease.model.predict(feeds, options)
    const ranAt = clock.monotonic()
    const text = scoring.codec.encode(answer, outputs)
    timings.encodeMs = clock.monotonic() - ranAt
    if (taken !== undefined) exchanges.keep(taken, text, timings.runMs)
    record(lease.model, scoring, timings)
    return reply(parts, c, scoring, text, 200, timings, startedAt)
  } catch (error) {
    // A body that did not come is no failure of the version.
    if (bodyBytes > 0) lease.model.traffic.failed(ServingError.from(error).code)
    return fail(parts, c, scoring, error, timings, startedAt)
  } finally {
    parts.bodyLimits.budget?.giveBack(bodyBytes)
    lease.release()
  }
}

/** Reads the body, unless that would stop the event loop for more than a few milliseconds and a worker can do it. */
function decodeHere(
  lease: Lease<VersionScoring>,
  media: MediaType,
  body: Buffer,
): Invocation | Promise<Invocation> | undefined {
  const { codec } = lease.model.contract
  if (body.length < SLOW_BYTES || !lease.model.canInvoke) return codec.decode(media, body)
  return body.length < UNREAD_BYTES ? codec.decodeDirectly(media, body) : undefined
}

/** Has a worker read the body, run it alone and write the answer. */
async function invoke(
  lease: Lease<VersionScoring>,
  media: MediaType,
  body: Buffer,
  options: SubmitOptions & { readonly timings: Timings },
): Promise<Uint8Array> {
  const answer = await lease.model.invoke(media, body, options)
  const { timings } = options
  timings.parseMs = answer.parseMs
  timings.runMs = answer.runMs
  timings.encodeMs = answer.encodeMs
  return answer.body
}

function record(
  { traffic }: ServedModel<VersionScoring>,
  { metrics }: VersionScoring,
  timings: Timings,
): void {
  traffic.answered()
  const { phases } = metrics
  phases.parse.observe(timings.parseMs / 1000)
  phases.queue.observe(timings.queueMs / 1000)
  phases.run.observe(timings.runMs / 1000)
  phases.encode.observe(timings.encodeMs / 1000)
}

function reply(
  parts: ScoringParts,
  c: Context<HttpEnv>,
  scoring: VersionScoring,
  body: string | Uint8Array,
  status: number,
  timings: Timings,
  startedAt: number,
  extra?: Readonly<Record<string, string>>,
): Response {
  scoring.metrics.answered('mlflow', status)
  scoring.metrics.duration.observe((parts.clock.monotonic() - startedAt) / 1000)
  const requestId = c.env.incoming.headers['x-request-id']
  let { headers } = scoring
  if (extra !== undefined) headers = { ...headers, ...extra }
  if (typeof requestId === 'string') headers = { ...headers, 'x-request-id': requestId }
  if (parts.stopping()) headers = { ...headers, connection: 'close' }
  if (parts.settings.serverTiming) headers = { ...headers, 'server-timing': timingHeader(timings) }
  // The adapter answers a plain Response with plain headers on its fast path.
  return new Response(body, { status, headers })
}

function fail(
  parts: ScoringParts,
  c: Context<HttpEnv>,
  scoring: VersionScoring,
  error: unknown,
  timings: Timings,
  startedAt: number,
): Response {
  const failure = ServingError.from(error)
  if (failure.code === 'INTERNAL') parts.log.error({ err: error }, 'a request failed inside Baton')
  if (REJECTIONS.has(failure.code)) parts.metrics.rejected(failure.code)
  const { contentType, body, ...answer } = errorAnswer(failure)
  const status = OVERLOADS.has(failure.code) ? Number(parts.settings.overloadStatus) : answer.status
  const extra = { 'content-type': contentType, ...retryAfter(failure), ...leave(failure, c) }
  return reply(parts, c, scoring, body, status, timings, startedAt, extra)
}

/** The rest of a body that came too slowly is not waited for. */
function leave({ code }: ServingError, c: Context<HttpEnv>): Readonly<Record<string, string>> {
  const inTime = code !== 'BODY_TIMEOUT' && code !== 'DEADLINE_EXCEEDED'
  return inTime || c.env.incoming.complete ? {} : { connection: 'close' }
}

/** An answer for a request that found no version. */
function refuse(parts: ScoringParts, c: Context<HttpEnv>, failure: ServingError): Response {
  const { status, contentType, body } = errorAnswer(failure)
  parts.metrics.unrouted.inc({ status: String(status) })
  const requestId = c.env.incoming.headers['x-request-id']
  const headers = {
    'content-type': contentType,
    ...retryAfter(failure),
    ...(typeof requestId === 'string' ? { 'x-request-id': requestId } : {}),
  }
  return new Response(body, { status, headers })
}

function retryAfter(failure: ServingError): Readonly<Record<string, string>> {
  const seconds = failure.details.retryAfterSeconds
  if (typeof seconds === 'number') return { 'retry-after': String(seconds) }
  return failure.status === 503 ? { 'retry-after': '1' } : {}
}

/** W3C Server-Timing, durations in milliseconds. */
function timingHeader({ parseMs, queueMs, runMs, encodeMs }: Timings): string {
  const part = (name: string, ms: number) => `${name};dur=${ms.toFixed(3)}`
  return [
    part('parse', parseMs),
    part('queue', queueMs),
    part('run', runMs),
    part('encode', encodeMs),
  ].join(', ')
}
