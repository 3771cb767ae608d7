import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ServingError } from '../errors.ts'
import { answerRaw } from './raw-answer.ts'

/** What Node says of bytes that are no request, or come too slowly. */
interface ClientError extends NodeJS.ErrnoException {
  /** Words of the HTTP parser. */
  readonly reason?: string
  /** What was parsed last. */
  readonly rawPacket?: Buffer
}

/** The answer that a connection owes, which Node keeps here and its own handler of such errors looks at, too. */
type HttpSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/** Whether a request of this connection waits for its answer. */
export function owesAnswer(socket: Socket): boolean {
  return Boolean((socket as HttpSocket)._httpMessage)
}

/**
 * Answers what never becomes a request: no HTTP, a head that is too large or too slow, a body that breaks its own
 * framing. Answers that are owed for earlier requests of the connection go out first.
 */
export function answerMalformed(
  server: Server,
  limits: { readonly headersTimeoutMs: number; readonly maxHeaderBytes: number },
  onRefused: (error: ServingError) => void,
): void {
  const refused = new WeakSet<Socket>()
  server.on('clientError', (cause: ClientError, duplex) => {
    const socket = duplex as HttpSocket
    // The parser complains again of whatever comes after.
    if (refused.has(socket)) return
    refused.add(socket)
    if (!socket.writable || cause.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const error = describe(cause, limits)
    onRefused(error)
    inTurn(socket, () => answerRaw(socket, error))
  })
}

/** Answers once those that are owed are out; never where the malformed request has had its answer already. */
function inTurn(socket: HttpSocket, answer: () => void): void {
  const { _httpMessage: owed } = socket
  if (!owed) {
    answer()
  } else if (owed.req.complete) {
    owed.once('close', () => setImmediate(inTurn, socket, answer))
  } else if (owed.headersSent) {
    socket.destroySoon()
  } else {
    answer()
  }
}

function describe(
  cause: ClientError,
  limits: { readonly headersTimeoutMs: number; readonly maxHeaderBytes: number },
): ServingError {
  switch (cause.code) {
    case 'HPE_HEADER_OVERFLOW':
      return tooLong(cause.rawPacket, limits.maxHeaderBytes)
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServingError(
        'HEAD_TIMEOUT',
        `Expected the head of a request within ${limits.headersTimeoutMs} ms; the limit is --headers-timeout (BATON_HEADERS_TIMEOUT)`,
      )
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ServingError('BODY_TOO_LARGE', 'Expected chunks without extensions')
    default:
      return new ServingError(
        'INVALID_REQUEST',
        `Expected a request of HTTP/1.1, received something else: ${cause.reason ?? 'it cannot be parsed'}`,
      )
  }
}

/** A URL that comes in several packets cannot be told from a header: that is HEAD_TOO_LARGE, too. */
function tooLong(packet: Buffer | undefined, maxHeaderBytes: number): ServingError {
  const limit = 'the limit is --max-header-bytes (BATON_MAX_HEADER_BYTES)'
  const lineEnd = packet?.indexOf('\r\n') ?? -1
  const isUrl =
    packet !== undefined && isRequestLine(packet) && !(lineEnd > 0 && lineEnd < maxHeaderBytes)
  return isUrl
    ? new ServingError(
        'URL_TOO_LONG',
        `Expected a URL of less than ${maxHeaderBytes} bytes; ${limit}`,
      )
    : new ServingError(
        'HEAD_TOO_LARGE',
        `Expected a URL and headers of less than ${maxHeaderBytes} bytes together; ${limit}`,
      )
}

function isRequestLine(packet: Buffer): boolean {
  return /^[A-Z]+ [/h*]/.test(packet.toString('latin1', 0, 16))
}
