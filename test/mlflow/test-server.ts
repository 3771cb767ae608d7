import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import type { Hono } from 'hono'

const TLS = new URL('../fixtures/tls/', import.meta.url)

/** Path of a PEM file of the test certificates: `ca`, `server` or `client`. */
export function pemPath(name: 'ca' | 'server' | 'client'): string {
  return new URL(`${name}.pem`, TLS).pathname
}

/** An HTTP server on 127.0.0.1 and a free port. */
export class TestServer {
  readonly url: string
  readonly #server: ServerType

  private constructor(server: ServerType, scheme: string) {
    this.#server = server
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static start(app: Hono): Promise<TestServer> {
    return new Promise((resolve) => {
      const options = { fetch: app.fetch, port: 0, hostname: '127.0.0.1' }
      const server = serve(options, () => resolve(new TestServer(server, 'http')))
    })
  }

  /** With the test CA's certificate; `clients` makes it ask for one of theirs. */
  static startTls(app: Hono, clients = false): Promise<TestServer> {
    const pem = readFileSync(pemPath('server'))
    const ca = readFileSync(pemPath('ca'))
    return new Promise((resolve) => {
      const server = serve(
        {
          fetch: app.fetch,
          port: 0,
          hostname: '127.0.0.1',
          createServer,
          serverOptions: { key: pem, cert: pem, ca, requestCert: clients },
        },
        () => resolve(new TestServer(server, 'https')),
      )
    })
  }

  stop(): Promise<void> {
    if ('closeAllConnections' in this.#server) this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
