import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { systemClock } from '../../clock.ts'
import type { ArtifactFile, ArtifactSink, ArtifactStore } from '../../interfaces.ts'
import { type ByteRange, downloadRanges, type RangedDownloadOptions } from '../ranged-download.ts'
import { DOWNLOAD_RETRIES } from '../retry.ts'
import { withTimeLimit } from '../time-limit.ts'
import { bucketRegion, createS3Client, type S3Settings } from './s3-client.ts'
import { type S3Request, s3Failure } from './s3-errors.ts'
import { parseS3Uri, type S3Location } from './s3-location.ts'
import { S3Object } from './s3-object.ts'

/** Parts of 8 MiB as boto3 reads them; as many at once as hide the latency of one. */
const S3_DOWNLOAD: RangedDownloadOptions = {
  partBytes: 8 * 2 ** 20,
  concurrency: 8,
  retries: DOWNLOAD_RETRIES,
  clock: systemClock,
}

/** Files in an S3 bucket, of AWS or of a server that speaks S3: `s3:`, `r2:`, `b2:`. */
export class S3Store implements ArtifactStore {
  readonly schemes = ['s3', 'r2', 'b2']
  readonly #settings: S3Settings
  readonly #options: RangedDownloadOptions
  /** By bucket and endpoint: a client is bound to the region of its bucket. */
  readonly #clients = new Map<string, Promise<S3Client>>()

  constructor(settings: S3Settings, options: Partial<RangedDownloadOptions> = {}) {
    this.#settings = settings
    this.#options = { ...S3_DOWNLOAD, ...options }
  }

  /** Keys below the URI's path and a slash, so that `m1` never means `m10`; folder markers are left out. */
  async *list(uri: string, signal: AbortSignal): AsyncIterable<ArtifactFile> {
    const location = parseS3Uri(uri)
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3')
    const request = this.#request(location, location.prefix, 'list')
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        ...this.#target(location),
        Prefix: location.prefix,
        ContinuationToken: token,
      })
      const page = await this.#call(location, request, signal, (client, abortSignal) =>
        client.send(command, { abortSignal }),
      )
      for (const { Key: key = '', Size: size, ETag: etag } of page.Contents ?? []) {
        if (!key.startsWith(location.prefix) || key.endsWith('/')) continue
        yield { path: key.slice(location.prefix.length), size, etag }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async download(
    uri: string,
    file: ArtifactFile,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<void> {
    const object = new S3Object(file, parseS3Uri(uri))
    const { clock } = this.#options
    await withTimeLimit(clock, this.#settings.downloadTimeoutMs, signal, (limited) =>
      downloadRanges(
        (range, partSignal) => this.#open(object, range, partSignal),
        object.size,
        sink,
        this.#options,
        limited,
      ),
    )
    await object.check(sink)
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()]
    this.#clients.clear()
    for (const client of await Promise.allSettled(clients)) {
      if (client.status === 'fulfilled') client.value.destroy()
    }
  }

  async #open(
    object: S3Object,
    range: ByteRange,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3')
    const { location, key, etag } = object
    const request = this.#request(location, key, 'read')
    const command = new GetObjectCommand({
      ...this.#target(location),
      Key: key,
      IfMatch: etag,
      Range: object.isWhole(range) ? undefined : `bytes=${range.start}-${range.end - 1}`,
    })
    const reply = await this.#call(location, request, signal, (client, abortSignal) =>
      client.send(command, { abortSignal }),
    )
    object.admit(reply, range)
    return bytesOf(reply, request, signal)
  }

  /** Sends to the client of the bucket; once more where the answer names another region. */
  async #call<T>(
    location: S3Location,
    request: S3Request,
    signal: AbortSignal,
    send: (client: S3Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    // A signal of its own: the SDK leaves its listeners on it, and a large file takes many requests.
    const own = AbortSignal.any([signal])
    try {
      const client = await this.#client(location)
      try {
        return await send(client, own)
      } catch (error) {
        const region = bucketRegion(error)
        if (region === undefined || region === (await client.config.region())) throw error
        return await send(await this.#client(location, region), own)
      }
    } catch (error) {
      signal.throwIfAborted()
      throw s3Failure(error, request)
    }
  }

  #client(location: S3Location, region?: string): Promise<S3Client> {
    const key = `${location.bucket} ${location.endpointUrl ?? ''}`
    const known = this.#clients.get(key)
    if (known !== undefined && region === undefined) return known
    const client = createS3Client(this.#settings, location, region)
    this.#clients.set(key, client)
    // A certificate file mended later is read then.
    client.catch(() => this.#clients.delete(key))
    return client
  }

  #target({ bucket }: S3Location): { Bucket: string; ExpectedBucketOwner: string | undefined } {
    return { Bucket: bucket, ExpectedBucketOwner: this.#settings.expectedBucketOwner }
  }

  #request(location: S3Location, key: string, action: 'list' | 'read'): S3Request {
    const { endpointUrl, unsigned = false, expectedBucketOwner } = this.#settings
    return {
      bucket: location.bucket,
      key,
      action,
      endpointUrl: location.endpointUrl ?? endpointUrl,
      unsigned,
      expectedBucketOwner,
    }
  }
}

async function* bytesOf(
  reply: GetObjectCommandOutput,
  request: S3Request,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  // In Node the SDK hands over the readable stream of the answer.
  const body = reply.Body as AsyncIterable<Uint8Array> | undefined
  try {
    if (body !== undefined) yield* body
  } catch (error) {
    signal.throwIfAborted()
    throw s3Failure(error, request)
  }
}
