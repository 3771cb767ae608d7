import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { errorAnswer } from '../codec/mlflow/error-body.ts'
import type { ServingError } from '../errors.ts'

/** Milliseconds in which what the client still sends is read and dropped: closing at once would take the answer from it. */
const LINGER_MS = 500

/** Answers on a connection that no request is behind, and closes it. */
export function answerRaw(socket: Socket, error: ServingError): void {
  if (socket.writable) {
    socket.end(rawAnswer(error))
    socket.resume()
  }
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('end', () => socket.destroySoon()).once('close', () => clearTimeout(timer))
}

function rawAnswer(error: ServingError): string {
  const { status, contentType, body } = errorAnswer(error)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...(status === 503 ? ['retry-after: 1'] : []),
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
