import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/**
 * Whether the client of a request has gone: an abort signal that costs no listener, because it looks at the
 * socket when it is asked. The response would not do: of several in one pipeline only the first is told of the end.
 */
export class ClientPresence {
  readonly #incoming: IncomingMessage | Http2ServerRequest

  constructor(incoming: IncomingMessage | Http2ServerRequest) {
    this.#incoming = incoming
  }

  get aborted(): boolean {
    return this.#incoming.socket.destroyed
  }
}
