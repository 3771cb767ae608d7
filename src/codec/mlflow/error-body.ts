import { ERROR_TABLE, type ServingError } from '../../errors.ts'
import { stringJson } from '../json/string-text.ts'
import { UNEXPECTED_FAILURE } from './refusal.ts'

/** An answer that reports a failure, ready to send. */
export interface ErrorAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

interface Classification {
  readonly errorClass: string
  readonly sqlstate: string
}

const INVALID_PARAMETER: Classification = {
  errorClass: 'INVALID_PARAMETER_VALUE',
  sqlstate: 'KAM00',
}
const INTERNAL: Classification = { errorClass: 'CLIENT_INTERNAL_ERROR', sqlstate: 'XXM00' }
const NOT_FOUND: Classification = { errorClass: 'RESOURCE_NOT_FOUND', sqlstate: 'KAM00' }

/** Classification by error code (mlflow/error_classification.py); other codes have none. */
const BY_ERROR_CODE: Readonly<Record<string, Classification>> = {
  BAD_REQUEST: INVALID_PARAMETER,
  INVALID_PARAMETER_VALUE: INVALID_PARAMETER,
  ENDPOINT_NOT_FOUND: NOT_FOUND,
  RESOURCE_DOES_NOT_EXIST: NOT_FOUND,
  PERMISSION_DENIED: { errorClass: 'PERMISSION_DENIED', sqlstate: 'KAM00' },
  INTERNAL_ERROR: INTERNAL,
  INVALID_STATE: INTERNAL,
  TEMPORARILY_UNAVAILABLE: INTERNAL,
}

/** Error classes with a state of their own. */
const BY_ERROR_CLASS: Readonly<Record<string, string>> = { SCHEMA_ENFORCEMENT_FAILED: 'KAM01' }

/**
 * The answer to a request of MLflow's scoring protocol that failed: plain text for a refused Content-Type and for the
 * time limit, else the JSON of `MlflowException.serialize_as_json` (mlflow/exceptions.py) as `json.dumps` writes it.
 */
export function errorAnswer(error: ServingError): ErrorAnswer {
  if (error.code === 'UNSUPPORTED_MEDIA_TYPE') {
    return { status: 415, contentType: 'text/plain; charset=utf-8', body: error.message }
  }
  if (error.code === 'DEADLINE_EXCEEDED') {
    const body = 'Request processing time exceeded limit'
    return { status: 504, contentType: 'application/json', body }
  }
  return { status: error.status, contentType: 'application/json', body: errorJson(error) }
}

function errorJson(error: ServingError): string {
  const code = ERROR_TABLE[error.code].mlflowCode
  const failed = error.code === 'MODEL_FAILED'
  const fields: [string, string][] = [
    ['error_code', code],
    ['message', failed ? UNEXPECTED_FAILURE : shortened(error.message)],
  ]
  const usual = BY_ERROR_CODE[code]
  const special = error.details.errorClass
  const errorClass = typeof special === 'string' ? special : usual?.errorClass
  const sqlstate = (errorClass && BY_ERROR_CLASS[errorClass]) ?? usual?.sqlstate
  if (sqlstate !== undefined) fields.push(['sqlstate', sqlstate])
  if (errorClass !== undefined) fields.push(['error_class', errorClass])
  const trace = failed ? withoutPaths(error.message) : error.details.stackTrace
  if (typeof trace === 'string') fields.push(['stack_trace', shortened(trace)])
  return `{${fields.map(([key, value]) => `"${key}": ${stringJson(value)}`).join(', ')}}`
}

/** Characters of a message that are sent: it may name a value, or every column, of a large request. */
const LONGEST_MESSAGE = 32_768

function shortened(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message
  return `${message.slice(0, LONGEST_MESSAGE)}... (${message.length - LONGEST_MESSAGE} more characters)`
}

/** ONNX Runtime names its own source files: no business of a client. */
function withoutPaths(text: string): string {
  return text.replaceAll(/(?:\/[\w.+-]+){2,}(?::\d+)?\s?/g, '')
}
