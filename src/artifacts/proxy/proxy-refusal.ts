import { ServingError } from '../../errors.ts'
import { type FailureCodes, statusFailure } from '../../mlflow/failures.ts'

/** An answer of the artifact proxy outside 2xx. */
export interface ProxyAnswer {
  readonly status: number
  readonly text: string
  /** The server's address, without credentials. */
  readonly server: string
  readonly what: 'listing' | 'file'
  /** Whether our login went along. */
  readonly isTrackingServer: boolean
}

/** Says of such an answer what to check. */
export function proxyRefusal(answer: ProxyAnswer, codes: FailureCodes): ServingError {
  const { status, text, server, what, isTrackingServer } = answer
  const details = { location: server, status }
  if (status === 503 && /serve-artifacts/.test(text)) {
    return new ServingError(
      codes.denied,
      `MLflow at ${server} does not hand out artifacts: it runs with --no-serve-artifacts; start it with --serve-artifacts, or register versions whose source is the store itself (s3://...)`,
      { details },
    )
  }
  if (status === 401 && !isTrackingServer) {
    return new ServingError(
      codes.denied,
      `MLflow at ${server} wants a login (401), and none is sent to it because MLFLOW_TRACKING_URI names another server; name the two by the same address, or register versions whose source is mlflow-artifacts:/path`,
      { details },
    )
  }
  if (status === 404) {
    const reason =
      what === 'file'
        ? 'was the version deleted while it was downloaded?'
        : 'does the server have the artifact proxy (MLflow 1.22 or later), and has MLFLOW_TRACKING_URI the right path prefix?'
    return new ServingError(
      'ARTIFACT_NOT_FOUND',
      `MLflow at ${server} has no such ${what} (404); ${reason}`,
      { details },
    )
  }
  return (
    statusFailure(status, text, server, codes) ??
    new ServingError(
      codes.unavailable,
      `MLflow at ${server} answered ${status} to a request for a ${what}; check MLFLOW_TRACKING_URI and what stands between`,
      { details },
    )
  )
}
