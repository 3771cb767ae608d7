import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A whole answer of the server behind. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

/** Changes the answer to a request for this path; undefined leaves it as it is. */
export type Tamper = (reply: Reply, path: string) => Partial<Reply> | undefined

/** Hands requests on as they came, the host name included, and changes what is answered. */
export class TamperingProxy {
  readonly #server: Server
  readonly #port: number
  tamper: Tamper | undefined

  private constructor(port: number) {
    this.#port = port
    this.#server = createServer((incoming, outgoing) => {
      this.#forward(incoming, outgoing).catch(() => outgoing.destroy())
    })
  }

  static async start(port: number): Promise<TamperingProxy> {
    const proxy = new TamperingProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method, url: path = '/', headers } = incoming
    const onward = request({ host: '127.0.0.1', port: this.#port, method, path, headers })
    incoming.pipe(onward)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const body = Buffer.concat(await answer.toArray())
    const reply: Reply = {
      status: answer.statusCode ?? 502,
      contentType: answer.headers['content-type'] ?? '',
      body,
    }
    const changed = { ...reply, ...this.tamper?.(reply, path) }
    const { 'transfer-encoding': _, ...kept } = answer.headers
    const length = changed.body === body ? {} : { 'content-length': changed.body.length }
    const type = changed.contentType === '' ? {} : { 'content-type': changed.contentType }
    outgoing.writeHead(changed.status, { ...kept, ...length, ...type }).end(changed.body)
  }
}
