import { isAscii, isUtf8 } from 'node:buffer'
import { ServingError } from '../../errors.ts'
import { JsonSyntaxError } from './json-syntax-error.ts'

type ByteOrder = 'le' | 'be'
type Decode = (buffer: Buffer, from: number) => string

/** V8 holds no longer string (`buffer.constants.MAX_STRING_LENGTH` in UTF-16 units). */
const MAX_TEXT_BYTES = 0x1fffffe8

/**
 * The text of a JSON body, decoded as `json.loads` decodes bytes: byte order marks of UTF-8, 16 and 32, else
 * the pattern of zero bytes (RFC 4627 section 3), with encoded surrogates let through (`surrogatepass`).
 * @throws JsonSyntaxError of kind `encoding`.
 */
export function decodeJsonText(bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new ServingError(
      'BODY_TOO_LARGE',
      `Expected at most ${MAX_TEXT_BYTES} bytes of JSON, got ${bytes.length}`,
    )
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const mark = BYTE_ORDER_MARKS.find((one) => one.bytes.every((byte, i) => byte === buffer[i]))
  if (mark !== undefined) return mark.decode(buffer, mark.bytes.length)
  return decodeUnmarked(buffer)
}

/** UTF-32 first: its little-endian mark begins with that of UTF-16. */
const BYTE_ORDER_MARKS = [
  { bytes: [0, 0, 0xfe, 0xff], decode: utf32('be') },
  { bytes: [0xff, 0xfe, 0, 0], decode: utf32('le') },
  { bytes: [0xfe, 0xff], decode: utf16('be') },
  { bytes: [0xff, 0xfe], decode: utf16('le') },
  { bytes: [0xef, 0xbb, 0xbf], decode: decodeUtf8 },
] as const

/** By where the zeros of the first two ASCII characters lie. */
function decodeUnmarked(buffer: Buffer): string {
  const [a, b, c, d] = buffer
  const length = buffer.length
  if (length >= 4 && a === 0) return b === 0 ? utf32('be')(buffer, 0) : utf16('be')(buffer, 0)
  if (length >= 4 && b === 0) {
    return c === 0 && d === 0 ? utf32('le')(buffer, 0) : utf16('le')(buffer, 0)
  }
  if (length === 2 && a === 0) return utf16('be')(buffer, 0)
  if (length === 2 && b === 0) return utf16('le')(buffer, 0)
  return decodeUtf8(buffer, 0)
}

function decodeUtf8(marked: Buffer, from: number): string {
  const buffer = marked.subarray(from)
  if (isAscii(buffer)) return buffer.toString('latin1', 0, buffer.length)
  if (isUtf8(buffer)) return buffer.toString('utf8', 0, buffer.length)
  return decodeUtf8WithSurrogates(buffer)
}

/** The slow way, taken only by text that is not UTF-8: encoded surrogates pass, anything else throws. */
function decodeUtf8WithSurrogates(buffer: Buffer): string {
  const parts: string[] = []
  let passed: Undecodable | undefined
  let from = 0
  for (let at = 0; at < buffer.length; ) {
    const length = utf8SequenceLength(buffer, at)
    if (length > 0) {
      at += length
      continue
    }
    parts.push(buffer.toString('utf8', from, at))
    const unit = encodedSurrogate(buffer, at)
    const found = utf8Fault(buffer, at)
    if (unit === undefined) throw encodingError('utf-8', buffer, found, passed)
    passed ??= found
    parts.push(String.fromCharCode(unit))
    at += 3
    from = at
  }
  parts.push(buffer.toString('utf8', from, buffer.length))
  return parts.join('')
}

const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80

/** Bytes that a lead byte announces; 0 for one that starts nothing. */
function announcedLength(lead: number): number {
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}

/** Whether `second` may follow `lead`: no overlong form, no surrogate, nothing above U+10FFFF. */
function isSecondByte(lead: number, second: number | undefined): boolean {
  if (second === undefined || !isContinuation(second)) return false
  if (lead === 0xe0) return second >= 0xa0
  if (lead === 0xed) return second < 0xa0
  if (lead === 0xf0) return second >= 0x90
  if (lead === 0xf4) return second < 0x90
  return true
}

/** How many of the bytes from `at` agree with the sequence that the first announces. */
function agreeingBytes(buffer: Buffer, at: number, announced: number): number {
  if (announced === 1) return 1
  if (!isSecondByte(buffer[at] ?? 0, buffer[at + 1])) return 1
  let count = 2
  while (count < announced && isContinuation(buffer[at + count])) count++
  return count
}

function utf8SequenceLength(buffer: Buffer, at: number): number {
  const announced = announcedLength(buffer[at] ?? 0)
  return announced > 0 && agreeingBytes(buffer, at, announced) === announced ? announced : 0
}

function encodedSurrogate(buffer: Buffer, at: number): number | undefined {
  const [lead, second = 0, third = 0] = buffer.subarray(at, at + 3)
  if (lead !== 0xed || second < 0xa0 || !isContinuation(second) || !isContinuation(third)) {
    return undefined
  }
  return 0xd000 | ((second & 0x3f) << 6) | (third & 0x3f)
}

/** Where and why CPython's decoder stops (Objects/stringlib/codecs.h, `utf8_decode`) at `start`. */
function utf8Fault(buffer: Buffer, start: number): Undecodable {
  const announced = announcedLength(buffer[start] ?? 0)
  if (announced === 0) return { start, end: start + 1, reason: 'invalid start byte' }
  const end = start + agreeingBytes(buffer, start, announced)
  const reason = end === buffer.length ? 'unexpected end of data' : 'invalid continuation byte'
  return { start, end, reason }
}

function utf16(order: ByteOrder): Decode {
  return (buffer, from) => {
    const even = buffer.length - ((buffer.length - from) % 2)
    const units = Buffer.from(buffer.subarray(from, even))
    const text = (order === 'le' ? units : units.swap16()).toString('ucs2', 0, units.length)
    if (even === buffer.length) return text
    const found = { start: even, end: buffer.length, reason: 'truncated data' }
    throw encodingError(`utf-16-${order}`, buffer, found, loneSurrogate(text, from, buffer.length))
  }
}

/** The first surrogate without its partner, as the decoder reports it before letting it pass. */
function loneSurrogate(text: string, from: number, end: number): Undecodable | undefined {
  for (let i = 0; i < text.length; i++) {
    const codePoint = text.codePointAt(i) ?? 0
    const start = from + 2 * i
    if (codePoint > 0xffff) i++
    else if (isLowSurrogate(codePoint)) return { start, end: start + 2, reason: 'illegal encoding' }
    else if (isHighSurrogate(codePoint)) {
      return i + 1 === text.length
        ? { start, end, reason: 'unexpected end of data' }
        : { start, end: start + 2, reason: 'illegal UTF-16 surrogate' }
    }
  }
  return undefined
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
const isLowSurrogate = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff

function utf32(order: ByteOrder): Decode {
  return (buffer, from) => {
    const encoding = `utf-32-${order}`
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    const units = Buffer.allocUnsafe(buffer.length - from)
    let length = 0
    let passed: Undecodable | undefined
    let at = from
    for (; at + 4 <= buffer.length; at += 4) {
      const codePoint = view.getUint32(at, order === 'le')
      if (codePoint > 0x10ffff) {
        const reason = 'code point not in range(0x110000)'
        throw encodingError(encoding, buffer, { start: at, end: at + 4, reason }, passed)
      }
      if (isHighSurrogate(codePoint) || isLowSurrogate(codePoint)) {
        const reason = 'code point in surrogate code point range(0xd800, 0xe000)'
        passed ??= { start: at, end: at + 4, reason }
      }
      length = writeUtf16(units, length, codePoint)
    }
    if (at === buffer.length) return units.toString('ucs2', 0, length)
    const found = { start: at, end: buffer.length, reason: 'truncated data' }
    throw encodingError(encoding, buffer, found, passed)
  }
}

function writeUtf16(units: Buffer, at: number, codePoint: number): number {
  if (codePoint <= 0xffff) return units.writeUInt16LE(codePoint, at)
  const high = 0xd7c0 + (codePoint >> 10)
  return units.writeUInt16LE(0xdc00 + (codePoint & 0x3ff), units.writeUInt16LE(high, at))
}

interface Undecodable {
  readonly start: number
  readonly end: number
  readonly reason: string
}

/**
 * `UnicodeDecodeError`: the message is its `str()`. CPython reuses one exception object for what the error
 * handler lets pass, so that `args`, and with them its `repr()`, keep telling of the first surrogate.
 */
function encodingError(
  encoding: string,
  object: Uint8Array,
  found: Undecodable,
  passed: Undecodable | undefined,
): JsonSyntaxError {
  const { start, end, reason } = found
  const byte = (object[start] ?? 0).toString(16).padStart(2, '0')
  const single = `byte 0x${byte} in position ${start}`
  const where = end - start === 1 ? single : `bytes in position ${start}-${end - 1}`
  const message = `'${encoding}' codec can't decode ${where}: ${reason}`
  return new JsonSyntaxError(message, { kind: 'encoding', encoding, object, ...(passed ?? found) })
}
