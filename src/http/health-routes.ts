import type { ModelStatus } from '../serving/model-status.ts'
import { json } from './json-answer.ts'
import type { Handler } from './route-methods.ts'

const JSON_TYPE = { 'content-type': 'application/json' } as const

/** A reference that is served as it was served last, because the registry has not answered since the start. */
export interface ServedFromCache {
  readonly model: string
  readonly ref: string
  readonly version: string
  /** ISO 8601: when it began to serve the reference. */
  readonly servedSince: string
}

/** What the probes look at. */
export interface ReadinessView {
  /** Every reference of every model serves a version, and the server is not stopping. */
  ready(): boolean
  status(): readonly ModelStatus[]
  stopping(): boolean
  fromCache(): readonly ServedFromCache[]
}

/** `GET /ping` and `/health`: a single newline once every model serves, as MLflow answers. */
export function pingRoute(view: ReadinessView): Handler {
  return (c) => (view.ready() ? c.body('\n', 200, JSON_TYPE) : json(c, unreadiness(view), 503))
}

/**
 * `GET /readyz`: whether every configured model serves. A swap, or a registry that is down, changes nothing; what a
 * start without the registry took from the cache is named.
 */
export function readyRoute(view: ReadinessView): Handler {
  return (c) => (view.ready() ? json(c, readiness(view)) : json(c, unreadiness(view), 503))
}

function readiness(view: ReadinessView): object {
  const fromCache = view.fromCache()
  if (fromCache.length === 0) return { ready: true }
  return {
    ready: true,
    reason: 'served from the cache: the registry has not answered since the start',
    from_cache: fromCache.map(({ model, ref, version, servedSince }) => ({
      model,
      ref,
      version,
      served_since: servedSince,
    })),
  }
}

/** `GET /livez`: the process turns its event loop. */
export const liveRoute: Handler = (c) => json(c, { live: true })

function unreadiness(view: ReadinessView): object {
  if (view.stopping()) return { ready: false, reason: 'shutting down' }
  const waiting = view.status().flatMap((model) =>
    model.refs
      .filter((ref) => ref.serving === undefined)
      .map((ref) => ({
        model: model.name,
        ref: ref.ref,
        ...waitingFor(model, ref.desired, ref),
      })),
  )
  return { ready: false, reason: 'not every model serves yet', waiting }
}

function waitingFor(
  model: ModelStatus,
  desired: string | undefined,
  ref: ModelStatus['refs'][number],
): object {
  if (ref.error !== undefined) return { error_code: ref.error.code, message: ref.error.message }
  const version = model.versions.findLast((candidate) => candidate.version === desired)
  if (version === undefined) return { message: 'the registry has not answered yet' }
  const { state, failure } = version
  return {
    version: version.version,
    state,
    ...(failure && { error_code: failure.code, stage: failure.stage, message: failure.message }),
  }
}
