import type { Server } from 'node:http'
import type { Logger } from '../log.ts'

/** Logs one line for each answer, when its last byte is out or its client has gone. */
export function logAccess(server: Server, log: Logger): void {
  server.prependListener('request', (request, response) => {
    const startedAt = performance.now()
    response.once('close', () => {
      log.info(
        {
          method: request.method,
          path: request.url,
          status: response.statusCode,
          duration_ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
          model: response.getHeader('x-model-name'),
          version: response.getHeader('x-model-version'),
          request_id: request.headers['x-request-id'],
          remote: request.socket.remoteAddress,
          complete: response.writableFinished,
        },
        'request',
      )
    })
  })
}
