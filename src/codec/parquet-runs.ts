/** Writers fill up the last group of a run. */
const SLACK = 1024

/**
 * Walks the runs of Parquet's RLE and bit-packing hybrid from `start`, without unpacking them, until `count` values are
 * covered or the page ends: the reader believes a run's own count, and takes as long and as much memory as that says.
 * @throws Error for a run of more values than are wanted
 */
export function checkRuns(bytes: Uint8Array, start: number, width: number, count: number): void {
  let at = start
  for (let seen = 0; seen < count && at < bytes.length; ) {
    const [header, next] = varint(bytes, at)
    const isPacked = (header & 1) === 1
    const values = isPacked ? (header >>> 1) * 8 : header >>> 1
    if (values > count - seen + SLACK) throw new Error(`Expected a run of at most ${count} values`)
    at = next + (isPacked ? (values / 8) * width : (width + 7) >> 3)
    seen += values
  }
}

/** Unsigned LEB128 of at most 32 bits. */
function varint(bytes: Uint8Array, start: number): readonly [value: number, next: number] {
  let value = 0
  for (let at = start, shift = 0; shift < 35; at++, shift += 7) {
    const byte = bytes[at]
    if (byte === undefined) break
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return [value >>> 0, at + 1]
  }
  throw new Error('Expected a run')
}

/** Bits that a level up to `most` takes. */
export function levelWidth(most: number): number {
  return 32 - Math.clz32(most)
}
