import { isIP } from 'node:net'
import { ServingError } from '../../errors.ts'

export type AddressingStyle = 'auto' | 'path' | 'virtual'

/** Where an artifact URI points to in an S3 service. */
export interface S3Location {
  readonly bucket: string
  /** Key prefix that every file's key begins with: empty, or ending in `/`. */
  readonly prefix: string
  /** What the URI itself fixes, as `r2:` and `b2:` do; undefined where the settings decide. */
  readonly endpointUrl: string | undefined
  readonly addressingStyle: AddressingStyle | undefined
  readonly region: string | undefined
}

/**
 * Reads `s3://bucket/prefix`, `r2://bucket@account.r2.cloudflarestorage.com/prefix` (virtual style) and
 * `b2://bucket@s3.region.backblazeb2.com/prefix` (path style), as mlflow/store/artifact/r2_artifact_repo.py
 * and b2_artifact_repo.py do. Nothing is percent-decoded: a key is what stands there.
 * @throws ServingError MODEL_URI_INVALID.
 */
export function parseS3Uri(uri: string): S3Location {
  const [, scheme, authority = '', path = ''] =
    /^(s3|r2|b2):\/\/([^/]+)(?:\/(.*))?$/is.exec(uri) ?? []
  if (scheme === undefined) throw invalid(uri, 's3://bucket/path')
  const key = path.replace(/^\/+|\/+$/g, '')
  const prefix = key === '' ? '' : `${key}/`
  if (scheme.toLowerCase() === 's3') {
    return {
      bucket: authority,
      prefix,
      endpointUrl: undefined,
      addressingStyle: undefined,
      region: undefined,
    }
  }
  const [bucket, host, ...rest] = authority.split('@')
  if (!bucket || !host || rest.length > 0) throw invalid(uri, `${scheme}://bucket@host/path`)
  const endpointUrl = `https://${host}`
  if (scheme.toLowerCase() === 'r2') {
    return { bucket, prefix, endpointUrl, addressingStyle: 'virtual', region: 'auto' }
  }
  const region = /^s3\.([a-z0-9-]+)\.backblazeb2\.com$/i.exec(host)?.[1]
  return { bucket, prefix, endpointUrl, addressingStyle: 'path', region }
}

function invalid(uri: string, expected: string): ServingError {
  return new ServingError('MODEL_URI_INVALID', `Expected ${expected}, got "${uri}"`)
}

/**
 * Whether the bucket stands in the path rather than in the host name. `auto` is boto3's: path style for any
 * endpoint that is set, because a bucket below `minio:9000` has no host name (botocore/args.py,
 * `force_path_style`), and for a bucket with dots, which no wildcard certificate covers; for AWS itself virtual.
 * An IP address has no subdomains, whatever is asked.
 */
export function usesPathStyle(
  style: AddressingStyle,
  endpointUrl: string | undefined,
  bucket: string,
): boolean {
  if (endpointUrl !== undefined && isAddress(new URL(endpointUrl).hostname)) return true
  if (style !== 'auto') return style === 'path'
  return endpointUrl !== undefined || bucket.includes('.')
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
}
