import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Clock } from '../clock.ts'
import { type ErrorCode, ServingError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { logAccess } from './access-log.ts'
import { ConnectionGate } from './connection-gate.ts'
import { answerMalformed } from './malformed-requests.ts'
import type { HttpEnv } from './route-methods.ts'

/** Limits of connections, times in milliseconds. */
export interface ListenerLimits {
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly maxConnections: number
  /** Largest URL and headers of a request together. */
  readonly maxHeaderBytes: number
  readonly accessLog: boolean
}

/** What the listener tells of its connections. */
export interface ListenerEvents {
  /** A limit has ended a connection, or what came on it. */
  refused(reason: ErrorCode | 'WRITE_TIMEOUT'): void
  /** A connection has closed, with whatever was asked on it. */
  closed(): void
}

/** How often Node looks for connections that are too slow; its own 30 s would stretch a limit of one second to that. */
const CHECKING_INTERVAL_MS = 1000

/**
 * The HTTP server around the app. It stops in two steps: {@link announceEnd} makes every answer close its
 * connection, so that clients leave by themselves; {@link close} accepts no more and waits for what is inside.
 */
export class Listener {
  readonly #server: Server
  readonly #gate: ConnectionGate

  constructor(
    app: Hono<HttpEnv>,
    limits: ListenerLimits,
    { log, clock, events }: { log: Logger; clock: Clock; events: ListenerEvents },
  ) {
    // The adapter's own Request and Response would be put in place of the global ones of the process.
    const serverOptions = {
      connectionsCheckingInterval: CHECKING_INTERVAL_MS,
      maxHeaderSize: limits.maxHeaderBytes,
    }
    const options = { fetch: app.fetch, overrideGlobalObjects: true, serverOptions }
    this.#server = createAdaptorServer(options) as Server
    this.#server.headersTimeout = limits.headersTimeoutMs
    // Routes end a slow body themselves, with an answer: this is for bodies that no route reads.
    this.#server.requestTimeout =
      limits.headersTimeoutMs + limits.bodyTimeoutMs + CHECKING_INTERVAL_MS
    this.#server.keepAliveTimeout = limits.idleTimeoutMs
    const { refused, closed } = events
    this.#gate = new ConnectionGate(limits, { ended: refused, closed }, clock)
    this.#gate.guard(this.#server)
    answerMalformed(this.#server, limits, ({ code }) => refused(code))
    this.#server.on('checkContinue', (request, response) => {
      // Unless the body is asked for: a client that was refused may send it all the same, or the next request.
      response.shouldKeepAlive = false
      this.#server.emit('request', request, response)
    })
    if (limits.accessLog) logAccess(this.#server, log)
  }

  /**
   * Starts to accept connections; resolves to the port.
   * @throws ServingError PORT_IN_USE, CONFIG_INVALID for an address that cannot be listened on.
   */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port))
      this.#server.once('error', onError)
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#gate.size
  }

  /** From now on the answer of every new request carries `connection: close`. */
  announceEnd(): void {
    this.#server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false
    })
  }

  /** Accepts no more connections; resolves when the last answer is out, or to false at the deadline. */
  async close(deadlineMs: number, clock: Clock): Promise<boolean> {
    const closed = new Promise<boolean>((resolve) => this.#server.close(() => resolve(true)))
    this.#server.closeIdleConnections()
    let cancel: (() => void) | undefined
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(deadlineMs, () => resolve(false))
    })
    const inTime = await Promise.race([closed, late])
    cancel?.()
    if (!inTime) this.#server.closeAllConnections()
    return inTime
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServingError {
  const where = `${host}:${port}`
  if (error.code === 'EADDRINUSE') {
    return new ServingError(
      'PORT_IN_USE',
      `Another program listens on ${where}; choose another port with --port (BATON_PORT)`,
      { cause: error },
    )
  }
  return new ServingError(
    'CONFIG_INVALID',
    `Cannot listen on ${where} (${error.code ?? error.message}); check --host (BATON_HOST) and --port (BATON_PORT)`,
    { cause: error },
  )
}
