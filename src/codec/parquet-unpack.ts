import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { CompressionCodec } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

/** Unpacks a page of `size` bytes. @throws Error where it is not what it says. */
export function unpackPage(codec: CompressionCodec, packed: Uint8Array, size: number): Uint8Array {
  if (codec === 'UNCOMPRESSED') return packed
  if (size === 0) return packed.subarray(0, 0)
  const page = unpack(codec, packed, size)
  if (page.length !== size) throw new Error(`Expected a page of ${size} bytes, got ${page.length}`)
  return page
}

function unpack(codec: CompressionCodec, packed: Uint8Array, size: number): Uint8Array {
  switch (codec) {
    // Node's own are bounded, and end with any input
    case 'GZIP':
      return gunzipSync(packed, { maxOutputLength: size })
    case 'BROTLI':
      return brotliDecompressSync(packed, { maxOutputLength: size })
    case 'ZSTD':
      checkZstd(packed, size)
      return compressors.ZSTD?.(packed, size) ?? packed
    case 'SNAPPY':
      return compressors.SNAPPY?.(packed, size) ?? packed
    case 'LZ4':
    case 'LZ4_RAW':
      return compressors.LZ4_RAW?.(packed, size) ?? packed
    default:
      throw new Error(`Expected a compression that is known, got ${codec}`)
  }
}

const ZSTD_MAGIC = 0xfd2fb528
const ZSTD_BLOCK = 2 ** 17

/** Most that the blocks may hold beside what the page says: each may be of any size up to 128 KiB. */
const ZSTD_SPARE = 2 ** 26

/**
 * Walks the blocks of a Zstandard frame (RFC 8878, section 3.1.1) and adds up what they hold at most: the unpacker goes on
 * for as long as they say.
 */
function checkZstd(packed: Uint8Array, size: number): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  if (view.getUint32(0, true) !== ZSTD_MAGIC) throw new Error('Expected a Zstandard frame')
  let at = 4 + zstdHeaderBytes(view.getUint8(4))
  for (let held = 0, isLast = false; !isLast; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    const bytes = header >> 3
    const kind = (header >> 1) & 3
    isLast = (header & 1) === 1
    held += kind === 2 ? ZSTD_BLOCK : bytes
    if (held > size + ZSTD_SPARE) throw new Error(`Expected a page of ${size} bytes`)
    at += 3 + (kind === 1 ? 1 : bytes)
  }
}

/** Bytes from the frame header's descriptor on, that included. */
function zstdHeaderBytes(descriptor: number): number {
  const isSingleSegment = (descriptor >> 5) & 1
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0
  const contentSize = [isSingleSegment, 2, 4, 8][descriptor >> 6] ?? 0
  return 1 + (isSingleSegment ? 0 : 1) + dictionary + contentSize
}
