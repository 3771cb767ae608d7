import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import { errorJson, json } from './json-answer.ts'
import { type BodyLimits, readBody } from './request-body.ts'
import type { Handler } from './route-methods.ts'

/** What an operator may say with a request, in the query or as JSON; all of it optional. */
export interface OperatorRequest {
  readonly version: string | undefined
  /** Label of a reference, such as an alias. */
  readonly ref: string | undefined
  /** Who asks, for people. */
  readonly by: string | undefined
}

/** What operators do to a model by hand. Every one throws MODEL_NOT_FOUND for a model that is not served. */
export interface OperatorActions {
  /** Forgets failures, so that the versions are tried again now. */
  clear(model: string, request: OperatorRequest): object
  /** Accepts, once, a version that was refused for its contract or its rehearsal. @throws VERSION_NOT_FOUND. */
  allow(model: string, request: OperatorRequest): object
  /** Fixes the version that a reference serves. @throws INVALID_REQUEST, VERSION_NOT_FOUND, REGISTRY_*. */
  pin(model: string, request: OperatorRequest): Promise<object>
  /** Lets references follow the registry again. */
  unpin(model: string, request: OperatorRequest): Promise<object>
}

export interface OperatorParts {
  readonly operator: OperatorActions
  readonly bodyLimits: BodyLimits
  readonly clock: Clock
}

const MAX_BYTES = 16 * 1024
const KEYS = ['version', 'ref', 'by'] as const
const MAX_TEXT = 255

/** `POST /models/{name}/clear`, `/allow`, `/pin` and `/unpin`: one action on one model, answered with what was done. */
export function operatorRoute(
  parts: OperatorParts,
  guard: (c: Parameters<Handler>[0]) => void,
  action: keyof OperatorActions,
): Handler {
  const limits = { ...parts.bodyLimits, maxBytes: MAX_BYTES }
  return async (c) => {
    try {
      guard(c)
      const body = await readBody(c.env, limits, parts.clock)
      const request = readRequest(body, (key) => c.req.query(key))
      const model = c.req.param('name') ?? ''
      return json(c, { model, ...(await parts.operator[action](model, request)) })
    } catch (error) {
      return errorJson(c, error)
    }
  }
}

function readRequest(body: Buffer, query: (key: string) => string | undefined): OperatorRequest {
  const given = body.length === 0 ? {} : readObject(body)
  const unknown = Object.keys(given).find((key) => !KEYS.some((known) => known === key))
  if (unknown !== undefined) {
    throw invalid(`Expected the keys ${KEYS.join(', ')} and no others, received "${unknown}"`)
  }
  const value = (key: (typeof KEYS)[number]) => readText(key, given[key] ?? query(key))
  return { version: value('version'), ref: value('ref'), by: value('by') }
}

function readObject(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw invalid('Expected no body or a JSON object, received something else')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw invalid(`Expected no body or a JSON object, received ${JSON.stringify(value)}`)
}

/** Version numbers may stand as numbers. */
function readText(key: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const text = key === 'version' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text === 'string' && text !== '' && text.length <= MAX_TEXT) return text
  throw invalid(`Expected "${key}" to be text of 1 to ${MAX_TEXT} characters`)
}

function invalid(message: string): ServingError {
  return new ServingError('INVALID_REQUEST', message)
}
