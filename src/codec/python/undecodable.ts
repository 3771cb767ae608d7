import { isUtf8 } from 'node:buffer'
import { stringRepr } from './python-string.ts'

/**
 * `repr` of the UnicodeDecodeError that Python raises for bytes that are not UTF-8, without the bytes that it prints;
 * undefined where they are.
 */
export function undecodable(bytes: Uint8Array): string | undefined {
  if (isUtf8(bytes)) return undefined
  for (let at = 0; at < bytes.length; ) {
    const { length, reason } = sequence(bytes, at)
    if (reason !== undefined) {
      return `UnicodeDecodeError('utf-8', ${at}, ${at + length}, ${stringRepr(reason)})`
    }
    at += length
  }
  return undefined
}

interface Sequence {
  /** Bytes of the character, or those that are wrong together. */
  readonly length: number
  readonly reason?: string
}

function sequence(bytes: Uint8Array, at: number): Sequence {
  const lead = bytes[at] ?? 0
  if (lead < 0x80) return { length: 1 }
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  if (lead < 0xc2 || lead > 0xf4) return { length: 1, reason: 'invalid start byte' }
  for (let i = 1; i < size; i++) {
    const next = bytes[at + i]
    if (next === undefined) return { length: i, reason: 'unexpected end of data' }
    if (!continues(lead, next, i)) return { length: i, reason: 'invalid continuation byte' }
  }
  return { length: size }
}

/** Which second bytes follow a lead: neither overlong forms, nor surrogates, nor beyond U+10FFFF. */
function continues(lead: number, next: number, i: number): boolean {
  if (next < 0x80 || next > 0xbf) return false
  if (i > 1) return true
  if (lead === 0xe0) return next >= 0xa0
  if (lead === 0xed) return next < 0xa0
  if (lead === 0xf0) return next >= 0x90
  return lead !== 0xf4 || next < 0x90
}
