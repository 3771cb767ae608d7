import { type ErrorCode, ServingError } from '../../errors.ts'
import { networkReason, systemCode } from '../../network-failure.ts'

/** What was asked of S3, for the message. */
export interface S3Request {
  readonly bucket: string
  /** Prefix that was listed or key that was read. */
  readonly key: string
  readonly action: 'list' | 'read'
  /** Undefined for AWS itself. */
  readonly endpointUrl: string | undefined
  readonly unsigned: boolean
  readonly expectedBucketOwner: string | undefined
}

interface Meaning {
  readonly code: ErrorCode
  readonly says: (request: S3Request) => string
}

const KEYS =
  'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN for temporary ones), AWS_PROFILE, or the role of this machine or pod'
const ENDPOINT = 'MLFLOW_S3_ENDPOINT_URL'
const REGION = 'AWS_REGION or AWS_DEFAULT_REGION'

const denied: Meaning = {
  code: 'ARTIFACT_DENIED',
  says: ({ action, bucket, unsigned, expectedBucketOwner }) => {
    const right = action === 'list' ? 's3:ListBucket on the bucket' : 's3:GetObject on its objects'
    const owner =
      expectedBucketOwner === undefined
        ? ''
        : `, and whether ${expectedBucketOwner} (MLFLOW_S3_EXPECTED_BUCKET_OWNER) owns it`
    const who = unsigned
      ? `the request was not signed (MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION=unsigned); check that ${bucket} is public`
      : `check that the credentials in use (${KEYS}) have ${right}`
    return `denies access: ${who}${owner}`
  },
}
const expired: Meaning = {
  code: 'ARTIFACT_DENIED',
  says: () =>
    'says that the temporary credentials have expired or are not valid; renew AWS_SESSION_TOKEN with its key, or unset it where the key is a lasting one',
}
const wrongRegion: Meaning = {
  code: 'ARTIFACT_DENIED',
  says: () => `says that the bucket is in another region; check ${REGION}`,
}
const missingKey: Meaning = {
  code: 'ARTIFACT_NOT_FOUND',
  says: () => 'has no such object; check the path of the version, and whether it was deleted',
}
const busy: Meaning = {
  code: 'ARTIFACT_UNAVAILABLE',
  says: () => "has trouble or is busy; check the server's state",
}
const changed: Meaning = {
  code: 'ARTIFACT_CORRUPT',
  says: () =>
    'says that the object changed while it was downloaded; check whether something writes to a registered version',
}

/** Error codes of S3 and of servers like it (Amazon S3 API reference, "Error responses"). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  AccessDenied: denied,
  AllAccessDisabled: denied,
  Forbidden: denied,
  NoSuchBucket: {
    code: 'ARTIFACT_NOT_FOUND',
    says: ({ bucket }) =>
      `has no bucket "${bucket}"; check the bucket in the version's source, and that ${ENDPOINT} names the server that has it`,
  },
  InvalidBucketName: {
    code: 'ARTIFACT_NOT_FOUND',
    says: ({ bucket }) =>
      `knows no bucket of the name "${bucket}"; check the version's source, and MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE`,
  },
  NoSuchKey: missingKey,
  NotFound: missingKey,
  InvalidAccessKeyId: {
    code: 'ARTIFACT_DENIED',
    says: () =>
      `does not know the access key; check AWS_ACCESS_KEY_ID (or the profile that AWS_PROFILE names), and that ${ENDPOINT} names the server the key is for`,
  },
  SignatureDoesNotMatch: {
    code: 'ARTIFACT_DENIED',
    says: () =>
      'refuses the signature; check AWS_SECRET_ACCESS_KEY (no space or line end in it), and that no proxy before the server changes Host or path',
  },
  RequestTimeTooSkewed: {
    code: 'ARTIFACT_DENIED',
    says: () => "finds this machine's clock too far off (more than 15 minutes); set the clock",
  },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  InvalidToken: expired,
  TokenRefreshRequired: expired,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  PreconditionFailed: changed,
  InvalidRange: changed,
  InvalidObjectState: {
    code: 'ARTIFACT_NOT_FOUND',
    says: () => 'has the object in an archive (Glacier); restore it first',
  },
  SlowDown: busy,
  ServiceUnavailable: busy,
  InternalError: busy,
  RequestTimeout: busy,
}

/** Says of a failed S3 call what to check. An abort is not its business. */
export function s3Failure(error: unknown, request: S3Request): ServingError {
  if (error instanceof ServingError) return error
  const where = `S3 (${request.endpointUrl ?? 'AWS'})`
  const what = `s3://${request.bucket}/${request.key}`
  const { code, text } = explain(error, request)
  return new ServingError(code, `${where} ${text}; asked to ${request.action} ${what}`, {
    cause: error,
    details: { bucket: request.bucket, reason: errorName(error) },
  })
}

function explain(error: unknown, request: S3Request): { code: ErrorCode; text: string } {
  const name = errorName(error)
  const status = httpStatus(error)
  const meaning = MEANINGS[name] ?? (status === undefined ? undefined : statusMeaning(status))
  if (isCredentialsFailure(name)) {
    const text = `cannot be asked without credentials, and none were found; set ${KEYS}, or MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION=unsigned for a public bucket`
    return { code: 'ARTIFACT_DENIED', text }
  }
  // A listing misses no object: this 404 is that of a web server.
  const isForeign = isForeignAnswer(error) || (meaning === missingKey && request.action === 'list')
  if (meaning !== undefined && !isForeign) {
    return { code: meaning.code, text: meaning.says(request) }
  }
  if (isForeign) {
    const text = `answered with something that is not S3's XML; check ${ENDPOINT}: is it the address of the S3 API, not of a console or web page?`
    return { code: 'ARTIFACT_UNAVAILABLE', text }
  }
  if (status !== undefined) {
    const text = `answered ${name} (${status}); check ${ENDPOINT} and the server's log`
    return { code: 'ARTIFACT_UNAVAILABLE', text }
  }
  const code = name === 'TimeoutError' ? 'ETIMEDOUT' : systemCode(error)
  return {
    code: 'ARTIFACT_UNAVAILABLE',
    text: networkReason(code, { address: ENDPOINT, caBundle: 'AWS_CA_BUNDLE' }),
  }
}

function statusMeaning(status: number): Meaning | undefined {
  if (status === 401 || status === 403) return denied
  if (status === 301) return wrongRegion
  if (status === 404) return missingKey
  if (status === 412 || status === 416) return changed
  if (status === 408 || status === 429 || status >= 500) return busy
  return undefined
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown'
}

function httpStatus(error: unknown): number | undefined {
  const metadata = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata
  const status = metadata?.httpStatusCode
  return typeof status === 'number' && status >= 300 ? status : undefined
}

function isCredentialsFailure(name: string): boolean {
  return /^(CredentialsProviderError|TokenProviderError|ProviderError)$/.test(name)
}

/** The SDK could not read the answer: HTML of a console, say. */
function isForeignAnswer(error: unknown): boolean {
  return error instanceof Error && /deserializ|not expected|xml/i.test(error.message)
}
