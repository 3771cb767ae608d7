import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  DOT,
  isSpace,
  LOWER_E,
  MINUS,
  OPEN_BRACKET,
  PLUS,
  QUOTE,
  SPACE,
  ZERO,
} from './characters.ts'
import { MAX_EXACT_POWER, MAX_EXACT_SIGNIFICAND, nearestDouble, POWERS_OF_TEN } from './decimal.ts'

const DOT_DIGIT = DOT - ZERO
const LOWER_E_DIGIT = LOWER_E - ZERO
const UPPER_E_DIGIT = 0x45 - ZERO

const EMPTY = new Uint8Array(0)

/** A decimal point, an exponent or both, with what JSON demands of them. */
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/

/** numpy's limit is 64; what nests deeper than this is left to the general reader. */
const MAX_RANK = 32

const DONE = -1
const REFUSED = -2

/** Longer numbers, with more than 15 digits beyond the first 15, go through their text. */
const MAX_LONG_BYTES = 28

/** Numbers below this do not become infinite in a float32; the others are rare enough for the general reader. */
const FLOAT32_SAFE = 1e38

/** More are not kept for the next body: 2 MiB. */
const MAX_KEPT_VALUES = 1 << 18

/**
 * Reads the numbers of one JSON body after another into one growing array, byte by byte, without an object per
 * number. It gives up (`undefined`, -1 or false) at whatever is not plain: what the exact reader says then counts.
 *
 * Every loop ends at a closing brace at the latest, and {@link open} makes sure that one ends the body: so no
 * position is compared with the length.
 */
export class NumberScanner {
  /** Numbers so far, as doubles; good for rounding to float32 only, when so constructed. */
  values = new Float64Array(1024)
  count = 0
  /** 1 where the field (column) had a token with a point or an exponent since {@link open}. Counts from 0. */
  readonly isFloat: Uint8Array
  #bytes: Uint8Array = EMPTY
  #at = 0
  #end = 0
  readonly #single: boolean

  constructor(fields: number, precision: 'single' | 'double') {
    this.isFloat = new Uint8Array(fields)
    this.#single = precision === 'single'
  }

  /** Begins a body; false when it is not one object. */
  open(bytes: Uint8Array): boolean {
    let end = bytes.length
    while (end > 0 && isSpace(bytes[end - 1] as number)) end--
    this.#bytes = bytes
    this.#at = 0
    this.#end = end
    this.count = 0
    this.isFloat.fill(0)
    return end > 1 && bytes[end - 1] === CLOSE_BRACE
  }

  /** Lets go of the body, and of an array that was grown for a very large one. */
  close(): void {
    this.#bytes = EMPTY
    if (this.values.length > MAX_KEPT_VALUES) this.values = new Float64Array(1024)
  }

  /** Whether the body ends here. */
  get atEnd(): boolean {
    return this.#at === this.#end
  }

  /** The next byte that is not white space. */
  peek(): number {
    const bytes = this.#bytes
    while (isSpace(bytes[this.#at] as number)) this.#at++
    return bytes[this.#at] as number
  }

  /** Steps over `byte` (and white space before it), if it comes next. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.#at++
    return true
  }

  /** Where the next byte is looked for; may be set back to a former value. */
  get position(): number {
    return this.#at
  }

  set position(at: number) {
    this.#at = at
  }

  /** Steps over the quoted string, if it comes next byte by byte; `name` includes both quotes. */
  takeName(name: Uint8Array): boolean {
    if (this.peek() !== QUOTE) return false
    const bytes = this.#bytes
    const at = this.#at
    for (let i = 1; i < name.length; i++) if (bytes[at + i] !== name[i]) return false
    this.#at = at + name.length
    return true
  }

  /** The next string, if it is ASCII and has no escape. */
  string(): string | undefined {
    if (this.peek() !== QUOTE) return undefined
    const bytes = this.#bytes
    let at = this.#at + 1
    let byte = bytes[at] as number
    while (byte !== QUOTE) {
      if (byte < SPACE || byte > 0x7e || byte === BACKSLASH || at >= this.#end) return undefined
      byte = bytes[++at] as number
    }
    const text = ascii(bytes, this.#at + 1, at)
    this.#at = at + 1
    return text
  }

  /**
   * Nested lists of numbers, all of one length at each level and none empty. They count as `field`, or with
   * `step` 1 as one field for each place in the innermost lists.
   * @returns their shape
   */
  array(field: number, step: 0 | 1 = 0): number[] | undefined {
    let rank = 0
    while (this.take(OPEN_BRACKET)) rank++
    if (rank === 0 || rank > MAX_RANK) return undefined
    const last = rank - 1
    const shape = new Array<number>(rank).fill(0)
    const lengths = new Array<number>(rank).fill(0)
    for (;;) {
      lengths[last] = this.numbers(Number.POSITIVE_INFINITY, field, step)
      const level = this.#closeLists(shape, lengths)
      if (level === DONE) return shape
      if (level === REFUSED) return undefined
      for (let i = level; i <= last; i++) if (!this.take(OPEN_BRACKET)) return undefined
    }
  }

  /**
   * Closes every list that ends here; `lengths` counts the items of the lists that are open.
   * @returns the level at which another list begins, or `DONE`, or `REFUSED`
   */
  #closeLists(shape: number[], lengths: number[]): number {
    for (let level = lengths.length - 1; level >= 0; level--) {
      const length = lengths[level] as number
      if (length < 1 || !this.take(CLOSE_BRACKET)) return REFUSED
      if (shape[level] === 0) shape[level] = length
      else if (shape[level] !== length) return REFUSED
      if (level === 0) return DONE
      lengths[level] = 0
      lengths[level - 1] = (lengths[level - 1] as number) + 1
      if (this.take(COMMA)) return level
    }
    return REFUSED
  }

  /**
   * Numbers separated by commas, up to `limit` of them; number i belongs to `field + i * step`.
   * @returns how many, -1 when one is not plain
   */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the one hot loop; a call per number costs a third more
  numbers(limit: number, field: number, step: 0 | 1): number {
    const bytes = this.#bytes
    const isFloat = this.isFloat
    let values = this.values
    let at = this.#at
    let count = this.count
    const first = count
    while (isSpace(bytes[at] as number)) at++
    for (;;) {
      const start = at
      if (bytes[at] === MINUS) at++
      const isNegative = at !== start
      const leading = ((bytes[at] as number) - ZERO) >>> 0
      if (leading > 9) return -1
      let significand = leading
      let digit = (bytes[++at] as number) - ZERO
      if (leading === 0 && digit >>> 0 <= 9) return -1
      while (digit >>> 0 <= 9) {
        significand = significand * 10 + digit
        digit = (bytes[++at] as number) - ZERO
      }
      let scale = 0
      if (digit === DOT_DIGIT) {
        const point = at
        digit = (bytes[++at] as number) - ZERO
        while (digit >>> 0 <= 9) {
          significand = significand * 10 + digit
          digit = (bytes[++at] as number) - ZERO
        }
        scale = at - point - 1
        if (scale === 0) return -1
      }
      let value: number
      if (digit === LOWER_E_DIGIT || digit === UPPER_E_DIGIT) {
        this.#at = start
        value = this.#spelledOut()
        if (Number.isNaN(value)) return -1
        at = this.#at
        scale = 1
      } else if (significand <= MAX_EXACT_SIGNIFICAND && scale <= MAX_EXACT_POWER) {
        value = scale === 0 ? significand : significand / (POWERS_OF_TEN[scale] as number)
        // the int token -0 is 0, the float token -0.0 is not
        if (isNegative) value = scale === 0 ? 0 - value : -value
      } else {
        value = scale === 0 ? Number.NaN : this.#long(significand, scale, start, at)
        if (Number.isNaN(value)) return -1
        if (isNegative) value = -value
      }
      if (scale !== 0) isFloat[field + (count - first) * step] = 1
      if (count === values.length) values = this.#grow(at)
      values[count++] = value
      let byte = bytes[at] as number
      while (isSpace(byte)) byte = bytes[++at] as number
      if (byte !== COMMA || count - first === limit) break
      byte = bytes[++at] as number
      while (isSpace(byte)) byte = bytes[++at] as number
    }
    this.#at = at
    this.count = count
    return count - first
  }

  /** Room for more: what the rest of the body holds, if it is like its beginning. */
  #grow(at: number): Float64Array<ArrayBuffer> {
    const expected = Math.ceil(this.count * (this.#end / at) * 1.05)
    const grown = new Float64Array(Math.max(2 * this.values.length, expected))
    grown.set(this.values)
    this.values = grown
    return grown
  }

  /**
   * The unsigned number from `start` to `end`, whose digits do not fit a double: `significand` counted them up
   * with rounding, and `scale` of them follow the point.
   */
  #long(significand: number, scale: number, start: number, end: number): number {
    const bytes = this.#bytes
    if (scale > MAX_EXACT_POWER || end - start > MAX_LONG_BYTES) return this.#text(start, end)
    if (this.#single) {
      // counted up with at most 2^-48 of error: enough unless two float32 values are equally near
      const value = significand / (POWERS_OF_TEN[scale] as number)
      const margin = value * 2 ** -46
      if (Math.fround(value - margin) === Math.fround(value + margin)) return value
    }
    let high = 0
    let low = 0
    let digits = 0
    let at = start
    for (; digits < 15; at++) {
      const digit = (bytes[at] as number) - ZERO
      if (digit >>> 0 > 9 || digit + digits === 0) continue
      high = high * 10 + digit
      digits++
    }
    for (; at < end; at++) {
      const digit = (bytes[at] as number) - ZERO
      if (digit >>> 0 > 9) continue
      low = low * 10 + digit
      digits++
    }
    const value = nearestDouble(high, low, digits - 15, scale)
    return Number.isNaN(value) ? this.#text(start, end) : value
  }

  /** A number with an exponent, in full; NaN when it is none, or too large. Steps over it. */
  #spelledOut(): number {
    const bytes = this.#bytes
    const start = this.#at
    let end = start
    while (isNumberByte(bytes[end] as number)) end++
    const text = ascii(bytes, start, end)
    const value = NUMBER.test(text) ? Number(text) : Number.NaN
    this.#at = end
    return Math.abs(value) < FLOAT32_SAFE ? value : Number.NaN
  }

  #text(start: number, end: number): number {
    const value = Math.abs(Number(ascii(this.#bytes, start, end)))
    return value < FLOAT32_SAFE ? value : Number.NaN
  }
}

/** A digit, sign, point or exponent mark. */
function isNumberByte(byte: number): boolean {
  const isDigit = byte >= ZERO && byte <= 0x39
  return isDigit || byte === MINUS || byte === PLUS || byte === DOT || (byte | 0x20) === LOWER_E
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
    start,
    end,
  )
}
