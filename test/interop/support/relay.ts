import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Hands deliveries on as they came, and remembers when each arrived and what it was answered. */
export class Relay {
  readonly #server: Server
  readonly #target: string
  readonly deliveries: { readonly arrivedMs: number; readonly status: number }[] = []

  private constructor(target: string) {
    this.#target = target
    this.#server = createServer((request, response) => {
      // Where nobody listens the delivery is lost for good: a repetition would tell of an older move.
      this.#forward(request, response).catch(() => response.writeHead(200).end())
    })
  }

  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedMs = performance.now()
    const body = Buffer.concat(await request.toArray())
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (name.startsWith('x-mlflow-') || name === 'content-type') headers[name] = String(value)
    }
    const answer = await fetch(this.#target, { method: 'POST', headers, body })
    this.deliveries.push({ arrivedMs, status: answer.status })
    response.writeHead(answer.status).end(await answer.text())
  }
}
