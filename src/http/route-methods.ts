import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'

/** Hono's environment here: Node's own request and response are at `c.env`. */
export interface HttpEnv {
  readonly Bindings: HttpBindings
}

export type Handler = (context: Context<HttpEnv>) => Response | Promise<Response>

/**
 * Adds one path with the handlers of its methods; any other method is answered as FastAPI does: 405 with `Allow`.
 * HEAD goes with GET (Hono answers it without the body).
 */
export function route(
  app: Hono<HttpEnv>,
  path: string,
  handlers: { readonly get?: Handler; readonly post?: Handler },
): void {
  const allow: string[] = []
  if (handlers.get !== undefined) {
    app.get(path, handlers.get)
    allow.push('GET')
  }
  if (handlers.post !== undefined) {
    app.post(path, handlers.post)
    allow.push('POST')
  }
  const headers = { Allow: allow.join(', '), 'content-type': 'application/json' }
  app.all(path, (c) => c.body('{"detail":"Method Not Allowed"}', 405, headers))
}
