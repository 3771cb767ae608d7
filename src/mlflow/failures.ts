import { type ErrorCode, ServingError } from '../errors.ts'
import { type NetworkVariables, networkReason, systemCode } from '../network-failure.ts'

/** Codes a caller's failures carry: the registry's and the artifact proxy's differ. */
export interface FailureCodes {
  readonly unavailable: ErrorCode
  readonly denied: ErrorCode
}

export const REGISTRY_FAILURES: FailureCodes = {
  unavailable: 'REGISTRY_UNAVAILABLE',
  denied: 'REGISTRY_DENIED',
}

const VARIABLES = {
  address: 'MLFLOW_TRACKING_URI',
  caBundle: 'MLFLOW_TRACKING_SERVER_CERT_PATH',
  clientCertificate: 'MLFLOW_TRACKING_CLIENT_CERT_PATH',
} as const satisfies NetworkVariables
const CREDENTIALS =
  'MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or ~/.mlflow/credentials), or MLFLOW_TRACKING_TOKEN'

/** Says of a call that got no answer what to check. `location` holds no credentials. */
export function connectionFailure(
  cause: unknown,
  location: string,
  codes: FailureCodes,
): ServingError {
  const code = systemCode(cause)
  // With TLS 1.3 a server learns only after the handshake that the client has no certificate.
  const isCut = location.startsWith('https:') && ['UND_ERR_SOCKET', 'ECONNRESET'].includes(code)
  const hint = isCut
    ? `; if it asks for a client certificate, set ${VARIABLES.clientCertificate}`
    : ''
  return new ServingError(
    codes.unavailable,
    `MLflow at ${location} ${networkReason(code, VARIABLES)}${hint}`,
    { cause, details: { location, reason: code } },
  )
}

export function timeoutFailure(
  timeoutMs: number,
  location: string,
  codes: FailureCodes,
): ServingError {
  return new ServingError(
    codes.unavailable,
    `MLflow at ${location} did not answer within ${timeoutMs} ms; check that the server and its database are not overloaded`,
    { details: { location, reason: 'TIMEOUT' } },
  )
}

export function redirectFailure(
  target: string,
  location: string,
  codes: FailureCodes,
): ServingError {
  return new ServingError(
    codes.unavailable,
    `MLflow at ${location} redirects to ${target}, which is not followed because credentials would go with it; set MLFLOW_TRACKING_URI to the address that answers`,
    { details: { location, reason: 'REDIRECT' } },
  )
}

export function notMlflowFailure(
  received: string,
  location: string,
  codes: FailureCodes,
): ServingError {
  return new ServingError(
    codes.unavailable,
    `Expected JSON of an MLflow server at ${location}, got ${received}; check MLFLOW_TRACKING_URI, its path prefix included, and what stands between`,
    { details: { location, reason: 'NOT_MLFLOW' } },
  )
}

/**
 * The failure that a status means whatever was asked: refused login, missing right, Host check (MLflow 3.5),
 * workspaces off, overload and crash. Undefined for a status whose meaning depends on the call.
 */
export function statusFailure(
  status: number,
  body: string,
  location: string,
  codes: FailureCodes,
): ServingError | undefined {
  const details = { location, status }
  if (status === 401) {
    return new ServingError(
      codes.denied,
      `MLflow at ${location} refused the credentials (401); check ${CREDENTIALS}`,
      { details },
    )
  }
  if (status === 403 && /invalid host header/i.test(body)) {
    return new ServingError(
      codes.denied,
      `MLflow at ${location} refuses the host name it is called by (its check against DNS rebinding, since 3.5); start the server with --allowed-hosts or MLFLOW_SERVER_ALLOWED_HOSTS naming that host with its port`,
      { details: { ...details, reason: 'HOST_CHECK' } },
    )
  }
  if (status === 403) {
    return new ServingError(
      codes.denied,
      `MLflow at ${location} denies permission (403): this login may not read what was asked, and a name that does not exist is denied in the same way; check the name, ${CREDENTIALS}, and the permissions of that user`,
      { details },
    )
  }
  if (/FEATURE_DISABLED/.test(body)) {
    return new ServingError(
      codes.denied,
      `MLflow at ${location} has no workspaces (FEATURE_DISABLED); unset MLFLOW_WORKSPACE, or start the server with workspaces`,
      { details: { ...details, reason: 'FEATURE_DISABLED' } },
    )
  }
  if (status >= 500 || status === 429 || status === 408) {
    return new ServingError(
      codes.unavailable,
      `MLflow at ${location} answered ${status}; check the server's log, its database and what stands between`,
      { details },
    )
  }
  return undefined
}
