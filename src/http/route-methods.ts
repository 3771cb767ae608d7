import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'

/** Hono's environment here: Node's own request and response are at `c.env`. */
export interface HttpEnv {
  readonly Bindings: HttpBindings
}

export type Handler = (context: Context<HttpEnv>) => Response | Promise<Response>

/**
 * The paths of an app with the handlers of their methods; any other method is answered as FastAPI does: 405 with
 * `Allow`. HEAD goes with GET (Hono answers it without the body).
 *
 * Each path has one handler a method in the app. Were the 405 there too, Hono would compose the two, which costs a
 * prediction 3 us.
 */
export class Routes {
  readonly #app: Hono<HttpEnv>
  readonly #otherMethods = new Hono<HttpEnv>()

  constructor(app: Hono<HttpEnv>, notFound: Handler) {
    this.#app = app
    this.#otherMethods.notFound(notFound)
    app.notFound((c) => this.#otherMethods.fetch(c.req.raw, c.env))
  }

  add(path: string, handlers: { readonly get?: Handler; readonly post?: Handler }): void {
    const allow: string[] = []
    if (handlers.get !== undefined) {
      this.#app.get(path, handlers.get)
      allow.push('GET')
    }
    if (handlers.post !== undefined) {
      this.#app.post(path, handlers.post)
      allow.push('POST')
    }
    const headers = { Allow: allow.join(', '), 'content-type': 'application/json' }
    this.#otherMethods.all(path, (c) => c.body('{"detail":"Method Not Allowed"}', 405, headers))
  }
}
