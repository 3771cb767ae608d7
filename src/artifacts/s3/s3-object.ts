import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { ServingError } from '../../errors.ts'
import type { ArtifactFile, ArtifactSink } from '../../interfaces.ts'
import type { ByteRange } from '../ranged-download.ts'
import type { S3Location } from './s3-location.ts'

/** One listed object and what its answers tell of it. */
export class S3Object {
  readonly location: S3Location
  readonly key: string
  readonly size: number
  readonly etag: string | undefined
  #etagIsMd5: boolean

  constructor(file: ArtifactFile, location: S3Location) {
    if (file.size === undefined) {
      throw new ServingError(
        'ARTIFACT_CORRUPT',
        'Expected a size for each object of the S3 listing, got none',
      )
    }
    this.location = location
    this.key = location.prefix + file.path
    this.size = file.size
    this.etag = file.etag
    // Directory buckets (S3 Express) have ETags that only look like one.
    this.#etagIsMd5 = md5Of(file.etag) !== undefined && !location.bucket.endsWith('--x-s3')
  }

  isWhole(range: ByteRange): boolean {
    return range.start === 0 && range.end === this.size
  }

  /** @throws ServingError when the answer is not the range asked for, of the object that was listed. */
  admit(reply: GetObjectCommandOutput, range: ByteRange): void {
    // The MD5 of an object that KMS or the client encrypts is not that of its content.
    const encryption = reply.ServerSideEncryption ?? 'AES256'
    if (encryption !== 'AES256' || reply.SSECustomerAlgorithm !== undefined) this.#etagIsMd5 = false
    if (this.isWhole(range)) {
      const { ContentLength: length = this.size } = reply
      if (length !== this.size) throw this.#changed(`${length} bytes`)
      return
    }
    const [, start, end, total] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(reply.ContentRange ?? '') ?? []
    if (Number(start) !== range.start || Number(end) !== range.end - 1) {
      throw new ServingError(
        'ARTIFACT_CORRUPT',
        `Expected bytes ${range.start}-${range.end - 1} of an S3 object, got ${reply.ContentRange ?? 'the whole object'}; the server at MLFLOW_S3_ENDPOINT_URL, or what stands before it, does not honour the Range header`,
      )
    }
    if (total !== '*' && Number(total) !== this.size) throw this.#changed(`${total} bytes`)
  }

  /** @throws ServingError ARTIFACT_CORRUPT when the ETag is an MD5 and the content has another. */
  async check(sink: ArtifactSink): Promise<void> {
    if (!this.#etagIsMd5) return
    const received = await sink.md5()
    if (received !== md5Of(this.etag)) throw this.#changed(`content with MD5 ${received}`)
  }

  #changed(received: string): ServingError {
    return new ServingError(
      'ARTIFACT_CORRUPT',
      `Expected ${this.size} bytes with ETag ${this.etag} for s3://${this.location.bucket}/${this.key}, as listed, got ${received}; was it overwritten in the meantime?`,
    )
  }
}

/** The MD5 in the ETag of an object that was stored in one part. */
function md5Of(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase()
}
