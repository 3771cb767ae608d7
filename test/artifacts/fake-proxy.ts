import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'

type ProxyContext = Context<{ Bindings: { incoming: IncomingMessage; outgoing: ServerResponse } }>

/** What goes wrong with the next read of a file. */
export type ProxyFault =
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'short' }
  | { readonly kind: 'status'; readonly status: 404 | 500 | 503; readonly text: string }

/** The artifact proxy of an MLflow server as 3.18 answers: one level a listing, streams without length or ranges. */
export class FakeProxy {
  readonly url: string
  readonly files = new Map<string, string>()
  readonly faults: ProxyFault[] = []
  /** Path and query of every request, with the login it carried. */
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[] = []
  /** Set: every request is answered so. */
  refusal: { readonly status: 401 | 403 | 404 | 500 | 503; readonly text: string } | undefined
  /** Waited for before a file is read. */
  beforeRead: ((path: string) => Promise<void>) | undefined
  /** Names that listings give in place of the true ones. */
  lies: readonly { path: string; is_dir: boolean; file_size?: number }[] | undefined
  readonly #server: ServerType

  private constructor(server: ServerType) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(prefix = ''): Promise<FakeProxy> {
    let fake: FakeProxy | undefined
    const app = new Hono<{ Bindings: { incoming: IncomingMessage; outgoing: ServerResponse } }>()
    const route = `${prefix}/api/2.0/mlflow-artifacts/artifacts`
    app.all('*', async (context) => (await fake?.answer(context, route)) ?? context.text('', 503))
    const server = await new Promise<ServerType>((resolve) => {
      const started: ServerType = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () =>
        resolve(started),
      )
    })
    fake = new FakeProxy(server)
    return fake
  }

  /** Paths of the files that were asked for. */
  get reads(): string[] {
    return this.requests
      .map(({ path }) => /\/mlflow-artifacts\/artifacts\/(.+)$/.exec(path)?.[1])
      .filter((path) => path !== undefined)
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve)
      if ('closeAllConnections' in this.#server) this.#server.closeAllConnections()
    })
  }

  async answer(context: ProxyContext, route: string): Promise<Response> {
    const { pathname, search, searchParams } = new URL(context.req.url)
    this.requests.push({
      path: pathname + search,
      authorization: context.req.header('authorization'),
    })
    if (this.refusal !== undefined) return context.text(this.refusal.text, this.refusal.status)
    if (pathname === route) return context.json(this.#list(searchParams.get('path') ?? ''))
    if (!pathname.startsWith(`${route}/`)) return context.text('Not Found', 404)
    const path = decodeURIComponent(pathname.slice(route.length + 1))
    await this.beforeRead?.(path)
    return this.#read(context, path)
  }

  #list(folder: string): object {
    if (this.lies !== undefined) return { files: this.lies }
    const prefix = folder === '' ? '' : `${folder}/`
    const entries = new Map<string, object>()
    for (const [path, content] of this.files) {
      if (!path.startsWith(prefix)) continue
      const [name = '', ...deeper] = path.slice(prefix.length).split('/')
      entries.set(
        name,
        deeper.length > 0
          ? { path: name, is_dir: true }
          : { path: name, is_dir: false, file_size: content.length },
      )
    }
    return entries.size === 0 ? {} : { files: [...entries.values()] }
  }

  #read(context: ProxyContext, path: string): Response {
    const content = this.files.get(path)
    if (content === undefined) {
      return context.json({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'gone' }, 404)
    }
    const fault = this.faults.shift()
    if (fault?.kind === 'status') return context.text(fault.text, fault.status)
    const { outgoing } = context.env
    outgoing.writeHead(200, { 'content-type': 'application/octet-stream' })
    if (fault === undefined) outgoing.end(content)
    else if (fault.kind === 'short') outgoing.end(content.slice(0, -1))
    else {
      outgoing.write(content.slice(0, fault.afterBytes), () => {
        if (fault.kind === 'cut') outgoing.destroy()
      })
    }
    return RESPONSE_ALREADY_SENT
  }
}
