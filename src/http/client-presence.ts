import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/**
 * Whether the client of a request has gone: an abort signal that costs no listener, because it looks at the
 * socket when it is asked.
 */
export class ClientPresence {
  readonly #outgoing: ServerResponse | Http2ServerResponse

  constructor(outgoing: ServerResponse | Http2ServerResponse) {
    this.#outgoing = outgoing
  }

  get aborted(): boolean {
    return this.#outgoing.destroyed
  }
}
