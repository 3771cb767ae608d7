import { ERROR_TABLE, type ErrorCode, ServingError } from '../errors.ts'
import { systemCode } from '../network-failure.ts'

export interface BatonAddress {
  /** Where the server listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** BATON_ADMIN_TOKEN, where the server has one. */
  readonly token: string | undefined
}

export type Answer = Readonly<Record<string, unknown>>

/** An answer takes no longer than the registry that the server may have to ask. */
const TIMEOUT_MS = 60_000

/**
 * Asks a running Baton to do something, and returns its answer.
 * @throws ServingError with the server's own code and words; SERVER_UNREACHABLE where none answers.
 */
export async function askBaton(
  { url, token }: BatonAddress,
  path: string,
  body: Answer,
): Promise<Answer> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  let response: Response
  let text: string
  try {
    response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    text = await response.text()
  } catch (cause) {
    const why = cause instanceof DOMException ? 'no answer in time' : systemCode(cause)
    throw unreachable(url, why, cause)
  }
  const answer = readAnswer(text)
  if (answer === undefined) throw unreachable(url, `it answered ${response.status}, and no JSON`)
  if (response.ok) return answer
  throw refusal(response.status, answer)
}

function readAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Answer) : undefined
  } catch {
    return undefined
  }
}

function refusal(status: number, { error_code: code, message }: Answer): ServingError {
  const known = typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code)
  const words = typeof message === 'string' ? message : `Baton answered ${status}`
  return new ServingError(known ? (code as ErrorCode) : 'INTERNAL', words)
}

function unreachable(url: string, why: string, cause?: unknown): ServingError {
  const { host } = new URL(url)
  return new ServingError(
    'SERVER_UNREACHABLE',
    `No Baton answers at ${host} (${why}); check --url, and that the server runs`,
    { cause },
  )
}
