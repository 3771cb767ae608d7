import { type Context, Hono } from 'hono'
import type { Selector } from '../serving/model-manager.ts'
import { checkAdmin } from './admin-guard.ts'
import { liveRoute, pingRoute, type ReadinessView, readyRoute } from './health-routes.ts'
import { type ModelsView, modelRoute, modelsRoute, refreshRoute } from './models-routes.ts'
import { type OperatorParts, operatorRoute } from './operator-routes.ts'
import { type HttpEnv, Routes } from './route-methods.ts'
import { type ScoringParts, scoringRoute } from './scoring-route.ts'
import { type WebhookParts, webhookRoute } from './webhook-route.ts'

export interface AppParts extends ScoringParts, WebhookParts, OperatorParts {
  /** Baton's version, for `/version`. */
  readonly version: string
  readonly readiness: ReadinessView
  readonly modelsView: ModelsView
  /** Bearer token of the admin routes. */
  readonly adminToken: string | undefined
  /** Brings the gauges up to date before they are read. */
  readonly setGauges: () => void
}

/** Paths that FastAPI would redirect to when they are asked for with a slash at the end. */
const FIXED_PATHS = ['/ping', '/health', '/version', '/invocations', '/livez', '/readyz', '/models']

/** Every route of the server. No middleware: setting a header after a handler would cost the adapter's fast path. */
export function createApp(parts: AppParts): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  const routes = new Routes(app, notFound)
  routes.add('/invocations', { post: scoringRoute(parts, () => ({})) })
  routes.add('/models/:target/invocations', { post: scoringRoute(parts, selectByTarget) })
  routes.add('/models/:name/versions/:version/invocations', {
    post: scoringRoute(parts, selectByVersion),
  })
  const ping = pingRoute(parts.readiness)
  routes.add('/ping', { get: ping })
  routes.add('/health', { get: ping })
  routes.add('/version', {
    get: (c) => c.body(parts.version, 200, { 'content-type': 'application/json' }),
  })
  routes.add('/livez', { get: liveRoute })
  routes.add('/readyz', { get: readyRoute(parts.readiness) })
  routes.add('/models', { get: modelsRoute(parts.modelsView) })
  routes.add('/models/:name', { get: modelRoute(parts.modelsView) })
  const guard = (c: Context<HttpEnv>) => checkAdmin(c, parts.adminToken)
  routes.add('/models/:name/refresh', {
    post: refreshRoute(parts.modelsView, parts.hint, guard),
  })
  for (const action of ['clear', 'allow', 'pin', 'unpin'] as const) {
    routes.add(`/models/:name/${action}`, { post: operatorRoute(parts, guard, action) })
  }
  routes.add('/webhooks/mlflow', {
    post: webhookRoute(parts),
  })
  routes.add('/metrics', {
    get: async (c) => {
      const { registry } = parts.metrics
      parts.setGauges()
      return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType })
    },
  })
  return app
}

/** `name` or `name@alias`, split at the last `@` as model URIs are. */
function selectByTarget(c: Context<HttpEnv>): Selector {
  const target = c.req.param('target') ?? ''
  const at = target.lastIndexOf('@')
  return at > 0 ? { name: target.slice(0, at), ref: target.slice(at + 1) } : { name: target }
}

function selectByVersion(c: Context<HttpEnv>): Selector {
  return { name: c.req.param('name') ?? '', version: c.req.param('version') ?? '' }
}

function notFound(c: Context<HttpEnv>): Response {
  const path = c.req.path.replaceAll('%2F', '/')
  const bare = path.slice(0, -1)
  if (path.endsWith('/') && FIXED_PATHS.includes(bare)) {
    const { origin, search } = new URL(c.req.url)
    return c.body(null, 307, { location: `${origin}${bare}${search}` })
  }
  return c.body('{"detail":"Not Found"}', 404, { 'content-type': 'application/json' })
}
