import { ServingError } from '../../errors.ts'
import { PROTOCOL_NOTICE } from './protocol-notice.ts'

/** Media types that `/invocations` reads, spelled as the header must spell them. */
export type MediaType = 'text/csv' | 'application/json' | 'application/vnd.apache.parquet'

const MEDIA_TYPES: readonly MediaType[] = [
  'text/csv',
  'application/json',
  'application/vnd.apache.parquet',
]

/**
 * The media type of a request, from its Content-Type header (mlflow/pyfunc/scoring_server/__init__.py, `invocations`).
 * Media type and parameter names are case-sensitive, and the only parameter is `charset=utf-8`.
 * @throws ServingError UNSUPPORTED_MEDIA_TYPE in MLflow's words; also for a missing header, which MLflow answers with a 500.
 */
export function mediaType(header: string | undefined): MediaType {
  if (header === 'application/json') return header
  const parts = (header ?? '').split(';').map((part) => part.trim())
  const parameters = new Map<string, string>()
  for (const part of parts.slice(1)) {
    const equals = part.indexOf('=')
    if (equals === -1) parameters.set(part, '')
    else parameters.set(part.slice(0, equals), part.slice(equals + 1))
  }
  if ((parameters.get('charset') ?? 'utf-8').toLowerCase() !== 'utf-8') {
    throw unsupported('The scoring server only supports UTF-8')
  }
  parameters.delete('charset')
  if (parameters.size > 0) {
    const names = [...parameters.keys()].sort().join(', ')
    throw unsupported(`Unrecognized content type parameters: ${names}. ${PROTOCOL_NOTICE}`)
  }
  const media = MEDIA_TYPES.find((known) => known === parts[0])
  if (media !== undefined) return media
  const types = MEDIA_TYPES.map((known) => `'${known}'`).join(', ')
  const got = header === undefined ? 'Got no Content-Type header.' : `Got '${header}'.`
  throw unsupported(
    `This predictor only supports the following content types: Types: [${types}]. ${got}`,
  )
}

function unsupported(message: string): ServingError {
  return new ServingError('UNSUPPORTED_MEDIA_TYPE', message)
}
