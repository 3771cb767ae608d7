import { readFile } from 'node:fs/promises'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { ServingError } from '../../errors.ts'
import { type AddressingStyle, type S3Location, usesPathStyle } from './s3-location.ts'

/**
 * What MLflow's users set for S3. Credentials are not among it: the SDK's own chain reads its variables,
 * profiles, web identity, container and instance roles.
 */
export interface S3Settings {
  /** MLFLOW_S3_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL. */
  readonly endpointUrl?: string | undefined
  /** AWS_REGION, AWS_DEFAULT_REGION; then the SDK's chain, then us-east-1. */
  readonly region?: string | undefined
  /** MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE; `auto` unless given. */
  readonly addressingStyle?: AddressingStyle | undefined
  /** MLFLOW_S3_IGNORE_TLS: no check of the server's certificate. */
  readonly ignoreTls?: boolean | undefined
  /** AWS_CA_BUNDLE: PEM file that takes the place of the known authorities. */
  readonly caBundle?: string | undefined
  /** MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION=unsigned: public buckets, without credentials. */
  readonly unsigned?: boolean | undefined
  /** MLFLOW_S3_EXPECTED_BUCKET_OWNER: account id that must own the bucket. */
  readonly expectedBucketOwner?: string | undefined
  /** MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT: milliseconds one file may take; undefined for no limit. */
  readonly downloadTimeoutMs?: number | undefined
  /** Milliseconds a connection may stand still before the transfer is taken up again; 30000. */
  readonly idleTimeoutMs?: number | undefined
}

const CONNECT_TIMEOUT_MS = 5000
const IDLE_TIMEOUT_MS = 30_000
/** Files and parts that a download has in flight stay below it. */
const MAX_SOCKETS = 64

/** No signature; the empty credentials keep the SDK from looking for some all the same. */
const UNSIGNED: Pick<S3ClientConfig, 'signer' | 'credentials'> = {
  signer: { sign: async (request) => request },
  credentials: { accessKeyId: '', secretAccessKey: '' },
}

/**
 * A client for one bucket. The SDK is imported here and not before: it costs a tenth of a second, which a
 * server without S3 must not pay.
 * @throws ServingError CONFIG_INVALID when AWS_CA_BUNDLE cannot be read.
 */
export async function createS3Client(
  settings: S3Settings,
  location: S3Location,
  region: string | undefined = location.region ?? settings.region,
): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3')
  const endpoint = location.endpointUrl ?? settings.endpointUrl
  const style = location.addressingStyle ?? settings.addressingStyle ?? 'auto'
  const tls = await tlsOptions(settings)
  const config: S3ClientConfig = {
    forcePathStyle: usesPathStyle(style, endpoint, location.bucket),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: settings.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS, ...tls },
    },
    // Ranges carry no checksum of their own, and some servers answer a range with the whole file's.
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(settings.unsigned ? UNSIGNED : {}),
  }
  if (region !== undefined) return new S3Client({ ...config, region })
  const client = new S3Client(config)
  try {
    await client.config.region()
    return client
  } catch {
    // Only AWS itself cares, and answers with the bucket's region.
    client.destroy()
    return new S3Client({ ...config, region: 'us-east-1' })
  }
}

async function tlsOptions(
  settings: S3Settings,
): Promise<{ ca?: string; rejectUnauthorized?: boolean }> {
  if (settings.ignoreTls) return { rejectUnauthorized: false }
  if (settings.caBundle === undefined) return {}
  const ca = await readFile(settings.caBundle, 'utf8').catch((cause: unknown) => {
    throw new ServingError('CONFIG_INVALID', 'The file that AWS_CA_BUNDLE names cannot be read', {
      cause,
    })
  })
  if (!ca.includes('-----BEGIN ')) {
    throw new ServingError(
      'CONFIG_INVALID',
      'Expected PEM text (-----BEGIN ...) in the file that AWS_CA_BUNDLE names',
    )
  }
  return { ca }
}

/** The region of the bucket in an answer that says the request went to another one; else undefined. */
export function bucketRegion(error: unknown): string | undefined {
  const answer = error as {
    name?: unknown
    Region?: unknown
    $metadata?: { httpStatusCode?: number }
    $response?: { headers?: Record<string, string> }
  }
  const wrongRegion =
    answer.$metadata?.httpStatusCode === 301 ||
    [
      'PermanentRedirect',
      'AuthorizationHeaderMalformed',
      'IllegalLocationConstraintException',
    ].includes(String(answer.name))
  if (!wrongRegion) return undefined
  const region = answer.$response?.headers?.['x-amz-bucket-region'] ?? answer.Region
  return typeof region === 'string' && /^[a-z0-9-]+$/.test(region) ? region : undefined
}
