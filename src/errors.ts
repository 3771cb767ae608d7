/**
 * The one error class and the one table of codes. A protocol turns a {@link ServingError} into its own
 * body in one place (`http/`); nothing else maps failures to statuses.
 */

/** What a code means on the wire. */
export interface ErrorRow {
  /** HTTP status of the answer, or of the operations route that shows it. */
  readonly status: number
  /** `error_code` of MLflow's error JSON (mlflow/exceptions.py, `ERROR_CODE_TO_HTTP_STATUS`). */
  readonly mlflowCode: string
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean
}

/** Every code, with its HTTP status. `docs/errors.md` has a row for each; a test holds the two together. */
export const ERROR_TABLE = {
  // a request that cannot be read or does not fit the model
  INVALID_REQUEST: { status: 400, mlflowCode: 'BAD_REQUEST', retryable: false },
  INVALID_INPUT: { status: 400, mlflowCode: 'INVALID_PARAMETER_VALUE', retryable: false },
  INPUT_NOT_MAPPABLE: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, mlflowCode: 'BAD_REQUEST', retryable: false },
  UNAUTHENTICATED: { status: 401, mlflowCode: 'UNAUTHENTICATED', retryable: false },
  NOT_FOUND: { status: 404, mlflowCode: 'ENDPOINT_NOT_FOUND', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, mlflowCode: 'BAD_REQUEST', retryable: false },
  BODY_TOO_LARGE: { status: 413, mlflowCode: 'BAD_REQUEST', retryable: false },
  TOO_MANY_ROWS: { status: 413, mlflowCode: 'BAD_REQUEST', retryable: false },
  BODY_INCOMPLETE: { status: 400, mlflowCode: 'BAD_REQUEST', retryable: true },
  BODY_TIMEOUT: { status: 408, mlflowCode: 'BAD_REQUEST', retryable: true },
  HEAD_TOO_LARGE: { status: 431, mlflowCode: 'BAD_REQUEST', retryable: false },
  URL_TOO_LONG: { status: 414, mlflowCode: 'BAD_REQUEST', retryable: false },
  HEAD_TIMEOUT: { status: 408, mlflowCode: 'BAD_REQUEST', retryable: true },
  // which model answers
  MODEL_NOT_FOUND: { status: 404, mlflowCode: 'RESOURCE_DOES_NOT_EXIST', retryable: false },
  MODEL_NOT_READY: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  SHUTTING_DOWN: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  // running it
  MODEL_FAILED: { status: 400, mlflowCode: 'BAD_REQUEST', retryable: false },
  OUTPUT_NOT_ENCODABLE: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: false },
  QUEUE_FULL: { status: 429, mlflowCode: 'RESOURCE_EXHAUSTED', retryable: true },
  BODIES_FULL: { status: 429, mlflowCode: 'RESOURCE_EXHAUSTED', retryable: true },
  CONNECTIONS_FULL: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  DEADLINE_EXCEEDED: { status: 504, mlflowCode: 'DEADLINE_EXCEEDED', retryable: true },
  CLIENT_CLOSED: { status: 499, mlflowCode: 'CANCELLED', retryable: true },
  WORKER_LOST: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  INTERNAL: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: false },
  // bringing a version into service
  CONFIG_INVALID: { status: 500, mlflowCode: 'INVALID_PARAMETER_VALUE', retryable: false },
  MODEL_URI_INVALID: { status: 400, mlflowCode: 'INVALID_PARAMETER_VALUE', retryable: false },
  MODEL_INVALID: { status: 500, mlflowCode: 'INVALID_STATE', retryable: false },
  MODEL_UNSUPPORTED: { status: 501, mlflowCode: 'NOT_IMPLEMENTED', retryable: false },
  LOAD_FAILED: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: false },
  CONTRACT_BREAKING: { status: 500, mlflowCode: 'INVALID_STATE', retryable: false },
  TRIAL_FAILED: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: false },
  REHEARSAL_FAILED: { status: 500, mlflowCode: 'INVALID_STATE', retryable: false },
  INSUFFICIENT_MEMORY: { status: 503, mlflowCode: 'RESOURCE_EXHAUSTED', retryable: true },
  REGISTRY_UNAVAILABLE: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  REGISTRY_DENIED: { status: 502, mlflowCode: 'PERMISSION_DENIED', retryable: false },
  ALIAS_NOT_FOUND: { status: 404, mlflowCode: 'RESOURCE_DOES_NOT_EXIST', retryable: true },
  VERSION_NOT_FOUND: { status: 404, mlflowCode: 'RESOURCE_DOES_NOT_EXIST', retryable: true },
  VERSION_NOT_READY: { status: 503, mlflowCode: 'INVALID_STATE', retryable: true },
  ARTIFACT_UNAVAILABLE: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  ARTIFACT_DENIED: { status: 502, mlflowCode: 'PERMISSION_DENIED', retryable: false },
  ARTIFACT_NOT_FOUND: { status: 404, mlflowCode: 'RESOURCE_DOES_NOT_EXIST', retryable: true },
  ARTIFACT_UNSAFE: { status: 502, mlflowCode: 'INVALID_STATE', retryable: false },
  ARTIFACT_CORRUPT: { status: 502, mlflowCode: 'DATA_LOSS', retryable: true },
  CACHE_FAILED: { status: 500, mlflowCode: 'INTERNAL_ERROR', retryable: true },
  SERVER_UNREACHABLE: { status: 503, mlflowCode: 'TEMPORARILY_UNAVAILABLE', retryable: true },
  PORT_IN_USE: { status: 500, mlflowCode: 'INVALID_STATE', retryable: false },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERROR_TABLE

interface ServingErrorOptions {
  /** What went wrong underneath. Logged, never sent to a client. */
  readonly cause?: unknown
  /** Facts for a program: field names and values that the protocol may add to its body. */
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * A failure with a code of {@link ERROR_TABLE}. The message is for the person who can mend it: it names
 * what was expected and what was received, and holds no path, credential or stack.
 */
export class ServingError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ServingErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServingError'
    this.code = code
    this.details = options.details ?? {}
  }

  get row(): ErrorRow {
    return ERROR_TABLE[this.code]
  }

  get status(): number {
    return ERROR_TABLE[this.code].status
  }

  /** The failure as a ServingError: itself if it is one, else INTERNAL (or `code`) around it. */
  static from(error: unknown, code: ErrorCode = 'INTERNAL'): ServingError {
    if (error instanceof ServingError) return error
    const message = error instanceof Error ? error.message : String(error)
    return new ServingError(code, message, { cause: error })
  }
}
