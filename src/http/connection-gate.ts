import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import { owesAnswer } from './malformed-requests.ts'
import { answerRaw } from './raw-answer.ts'

export interface ConnectionLimits {
  readonly maxConnections: number
  /** Milliseconds that a client may take without reading more of its answer. */
  readonly writeTimeoutMs: number
}

export interface ConnectionEvents {
  /** A limit has ended a connection. */
  ended(reason: 'CONNECTIONS_FULL' | 'WRITE_TIMEOUT'): void
  /** A connection has closed, with whatever was asked on it. */
  closed(): void
}

/** Connections beyond the limit that are told so at once; those beyond them are closed without a word. */
const TOLD_AT_ONCE = 256

/** How often connections are looked through for clients that do not read. */
const CHECK_INTERVAL_MS = 1_000

/**
 * The connections of a server: no more than a limit, and none whose client has stopped to read. Node's own limit closes
 * without a word, and its own timeout would cost every request a timer; this costs a look at every connection a second.
 */
export class ConnectionGate {
  readonly #limits: ConnectionLimits
  readonly #events: ConnectionEvents
  readonly #clock: Clock
  readonly #held = new Set<Socket>()
  #checking = false

  constructor(limits: ConnectionLimits, events: ConnectionEvents, clock: Clock) {
    this.#limits = limits
    this.#events = events
    this.#clock = clock
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#held.size
  }

  /** Stands between a server that does not listen yet and its connections. */
  guard(server: Server): void {
    const accept = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (this.#held.size >= this.#limits.maxConnections) {
        this.#refuse(socket)
        return
      }
      this.#hold(socket)
      for (const listener of accept) listener.call(server, socket)
    })
    server.maxConnections = this.#limits.maxConnections + TOLD_AT_ONCE
    server.on('drop', () => this.#events.ended('CONNECTIONS_FULL'))
    server.on('timeout', (socket) => this.#timedOut(socket))
  }

  #refuse(socket: Socket): void {
    this.#events.ended('CONNECTIONS_FULL')
    // It may be reset before it has read why.
    socket.on('error', () => {})
    answerRaw(
      socket,
      new ServingError(
        'CONNECTIONS_FULL',
        `The server holds ${this.#held.size} connections, and no more; the limit is --max-connections (BATON_MAX_CONNECTIONS)`,
      ),
    )
  }

  #hold(socket: Socket): void {
    this.#held.add(socket)
    socket.once('close', () => {
      this.#held.delete(socket)
      this.#events.closed()
    })
    if (this.#checking) return
    this.#checking = true
    this.#clock.after(CHECK_INTERVAL_MS, this.#check)
  }

  /** Gives each connection with bytes to be read a time limit, which Node renews while they become fewer. */
  readonly #check = (): void => {
    for (const socket of this.#held) {
      if (socket.writableLength > 0 && !socket.timeout) {
        socket.setTimeout(this.#limits.writeTimeoutMs)
      }
    }
    this.#checking = this.#held.size > 0
    if (this.#checking) this.#clock.after(CHECK_INTERVAL_MS, this.#check)
  }

  /** Nothing was read or written for as long as the connection may be idle, or its answer unread. */
  #timedOut(socket: Socket): void {
    if (socket.writableLength > 0) this.#events.ended('WRITE_TIMEOUT')
    else if (owesAnswer(socket)) return
    socket.destroy()
  }
}
