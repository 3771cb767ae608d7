import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { ServingError } from '../errors.ts'
import type { HttpEnv } from './route-methods.ts'

const JSON_TYPE = { 'content-type': 'application/json' } as const

/** An operations answer: JSON, indented, for people with curl as much as for programs. */
export function json(c: Context<HttpEnv>, value: unknown, status: ContentfulStatusCode = 200) {
  return c.body(`${JSON.stringify(value, null, 2)}\n`, status, JSON_TYPE)
}

/** A failure on an operations route: code, message and details, no stack. */
export function errorJson(c: Context<HttpEnv>, error: unknown) {
  const failure = ServingError.from(error)
  const message = failure.code === 'INTERNAL' ? 'Internal error; the log has it' : failure.message
  return json(
    c,
    { error_code: failure.code, message, ...failure.details },
    failure.status as ContentfulStatusCode,
  )
}
