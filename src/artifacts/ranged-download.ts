import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ArtifactSink } from '../interfaces.ts'
import { forEachLimit } from './for-each-limit.ts'
import { mayPass, pause, type RetryPolicy, retryDelayMs } from './retry.ts'

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Opens a range of the remote file; the bytes that come are those from `start` on. */
export type OpenRange = (
  range: ByteRange,
  signal: AbortSignal,
) => Promise<AsyncIterable<Uint8Array>>

export interface RangedDownloadOptions {
  /** Bytes of one part; a file that fits in two is read in one go. boto3 takes 8 MiB. */
  readonly partBytes: number
  /** Parts in flight at once. */
  readonly concurrency: number
  readonly retries: RetryPolicy
  readonly clock: Clock
}

/**
 * Reads a file of known size in parts, several at once. A part that breaks goes on from the byte it reached.
 * @throws ServingError as `open` does; ARTIFACT_CORRUPT when a part brings more than was asked for.
 */
export async function downloadRanges(
  open: OpenRange,
  size: number,
  sink: ArtifactSink,
  options: RangedDownloadOptions,
  signal: AbortSignal,
): Promise<void> {
  await forEachLimit(
    partsOf(size, options.partBytes),
    options.concurrency,
    (part, partSignal) => downloadPart(open, part, sink, options, partSignal),
    signal,
  )
}

/** The parts of a file, in order: every byte in exactly one. */
export function* partsOf(size: number, partBytes: number): Generator<ByteRange> {
  const step = size <= 2 * partBytes ? size : partBytes
  for (let start = 0; start < size; start += step) {
    yield { start, end: Math.min(size, start + step) }
  }
}

async function downloadPart(
  open: OpenRange,
  part: ByteRange,
  sink: ArtifactSink,
  { retries, clock }: RangedDownloadOptions,
  signal: AbortSignal,
): Promise<void> {
  const reached = { position: part.start }
  for (let failures = 0; ; ) {
    const before = reached.position
    try {
      return await readOn(open, part, sink, reached, signal)
    } catch (error) {
      signal.throwIfAborted()
      failures = reached.position > before ? 1 : failures + 1
      if (!mayPass(error) || failures >= retries.attempts) throw error
      await pause(clock, retryDelayMs(retries, failures), signal)
    }
  }
}

/** Reads the rest of a part and keeps `reached` at the byte that comes next. */
async function readOn(
  open: OpenRange,
  part: ByteRange,
  sink: ArtifactSink,
  reached: { position: number },
  signal: AbortSignal,
): Promise<void> {
  const rest = { start: reached.position, end: part.end }
  for await (const bytes of await open(rest, signal)) {
    if (reached.position + bytes.byteLength > part.end) throw tooLong(part)
    await sink.write(bytes, reached.position)
    reached.position += bytes.byteLength
  }
  if (reached.position < part.end) throw tooShort(part, reached.position)
}

function tooLong(part: ByteRange): ServingError {
  return new ServingError(
    'ARTIFACT_CORRUPT',
    `Expected ${part.end - part.start} bytes of a range, got more: the server, or what stands before it, does not honour the Range header`,
  )
}

function tooShort(part: ByteRange, position: number): ServingError {
  return new ServingError(
    'ARTIFACT_UNAVAILABLE',
    `Expected ${part.end - part.start} bytes of a range, got ${position - part.start}: the connection ended early, time and again`,
  )
}
