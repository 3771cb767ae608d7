import { COST, MemoryBudget } from '../memory-budget.ts'
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  DOT,
  isSpace,
  LOWER_E,
  LOWER_U,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  QUOTE,
  ZERO,
} from './characters.ts'
import { POWERS_OF_TEN } from './decimal.ts'
import { decodeJsonText } from './encoding.ts'
import { JsonSyntaxError, syntaxErrorAt } from './json-syntax-error.ts'
import type { PyValue } from './py-value.ts'

export interface JsonReadOptions {
  /** Nested levels a body may have. The JavaScript stack holds some 3,000; deeper ones are refused in any case. */
  readonly maxDepth: number
  /** What the values may take; no limit where there is none. */
  readonly budget?: MemoryBudget
}

/**
 * The value of a JSON body exactly as CPython 3.11's `json.loads(bytes)` gives it, with its messages. Time and
 * memory are linear in the body's length.
 * @throws JsonSyntaxError
 * @throws ServingError BODY_TOO_LARGE where the values exceed the budget.
 */
export function readJson(bytes: Uint8Array, options: JsonReadOptions): PyValue {
  const { maxDepth, budget = new MemoryBudget() } = options
  const reader = new JsonTextReader(decodeJsonText(bytes), maxDepth, budget)
  try {
    return reader.document()
  } catch (error) {
    if (error instanceof RangeError) throw depthError(maxDepth)
    throw error
  }
}

function depthError(maxDepth: number): JsonSyntaxError {
  const message = 'maximum recursion depth exceeded while decoding a JSON document'
  return new JsonSyntaxError(message, { kind: 'depth', maxDepth })
}

/** CPython's `sys.get_int_max_str_digits()`. BigInt(text) takes quadratic time without such a bound. */
const MAX_INT_DIGITS = 4300

const ESCAPES: ReadonlyMap<number, string> = new Map(
  [...'"\\/bfnrt'].map((letter, i) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'.charAt(i)]),
)

const CONSTANTS: ReadonlyMap<number, readonly [text: string, value: PyValue]> = new Map(
  (
    [
      ['null', null],
      ['true', true],
      ['false', false],
      ['NaN', Number.NaN],
      ['Infinity', Number.POSITIVE_INFINITY],
      ['-Infinity', Number.NEGATIVE_INFINITY],
    ] as const
  ).map((constant) => [constant[0].charCodeAt(0), constant]),
)

/** So many digits, with or without a point among them, are exact in a double. */
const MAX_SHORT_DIGITS = 15

const EXPECTED_COMMA = "Expecting ',' delimiter"

const isDigit = (unit: number) => unit >= 0x30 && unit <= 0x39

/** End of the digits that follow the one at `at`. */
function digitsEnd(text: string, at: number): number {
  let end = at + 1
  while (isDigit(text.charCodeAt(end))) end++
  return end
}

/** The number of at most 15 digits. */
function shortInteger(text: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + text.charCodeAt(i) - ZERO
  return value
}

/** One reading of one text. Structure and positions follow CPython's Modules/_json.c. */
class JsonTextReader {
  readonly #text: string
  readonly #maxDepth: number
  readonly #budget: MemoryBudget
  /** Index of the next character; NaN from `charCodeAt` marks the end and matches nothing. */
  #at = 0

  constructor(text: string, maxDepth: number, budget: MemoryBudget) {
    this.#text = text
    this.#maxDepth = maxDepth
    this.#budget = budget
  }

  document(): PyValue {
    this.#skipSpace()
    const value = this.#value(0)
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#error('Extra data', this.#at)
    return value
  }

  #value(depth: number): PyValue {
    const unit = this.#text.charCodeAt(this.#at)
    if (unit === QUOTE) return this.#string()
    if (unit === OPEN_BRACKET) return this.#array(this.#deeper(depth))
    if (unit === OPEN_BRACE) return this.#object(this.#deeper(depth))
    if (isDigit(unit)) return this.#number()
    const constant = CONSTANTS.get(unit)
    if (constant !== undefined && this.#text.startsWith(constant[0], this.#at)) {
      this.#at += constant[0].length
      return constant[1]
    }
    return this.#number()
  }

  #deeper(depth: number): number {
    if (depth < this.#maxDepth) return depth + 1
    throw depthError(this.#maxDepth)
  }

  #array(depth: number): PyValue {
    const items: PyValue[] = []
    this.#budget.spend(COST.emptyList)
    this.#at++
    this.#skipSpace()
    if (this.#text.charCodeAt(this.#at) === CLOSE_BRACKET) {
      this.#at++
      return items
    }
    this.#budget.spend(COST.list)
    for (;;) {
      this.#budget.spend(COST.slot)
      items.push(this.#value(depth))
      this.#skipSpace()
      const unit = this.#text.charCodeAt(this.#at)
      if (unit !== COMMA && unit !== CLOSE_BRACKET) throw this.#error(EXPECTED_COMMA, this.#at)
      this.#at++
      if (unit === CLOSE_BRACKET) return items
      this.#skipSpace()
    }
  }

  #object(depth: number): PyValue {
    const entries = new Map<string, PyValue>()
    this.#budget.spend(COST.object)
    this.#at++
    this.#skipSpace()
    if (this.#text.charCodeAt(this.#at) === CLOSE_BRACE) {
      this.#at++
      return entries
    }
    for (;;) {
      this.#budget.spend(COST.member)
      const key = this.#key()
      entries.set(key, this.#value(depth))
      this.#skipSpace()
      const unit = this.#text.charCodeAt(this.#at)
      if (unit !== COMMA && unit !== CLOSE_BRACE) throw this.#error(EXPECTED_COMMA, this.#at)
      this.#at++
      if (unit === CLOSE_BRACE) return entries
      this.#skipSpace()
    }
  }

  /** A name and its colon, up to the first character of the value. */
  #key(): string {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) {
      throw this.#error('Expecting property name enclosed in double quotes', this.#at)
    }
    const key = this.#string()
    this.#skipSpace()
    if (this.#text.charCodeAt(this.#at) !== COLON) {
      throw this.#error("Expecting ':' delimiter", this.#at)
    }
    this.#at++
    this.#skipSpace()
    return key
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #string(): string {
    const begin = this.#at
    let from = begin + 1
    let decoded = ''
    for (;;) {
      this.#budget.spend(COST.string)
      const end = this.#plainEnd(from, begin)
      decoded += this.#text.slice(from, end)
      this.#at = end + 1
      if (this.#text.charCodeAt(end) === QUOTE) return decoded
      decoded += this.#escape(begin)
      from = this.#at
    }
  }

  /** Index of the quote or backslash that ends the run of plain characters from `from`. */
  #plainEnd(from: number, begin: number): number {
    const text = this.#text
    for (let i = from; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === QUOTE || unit === BACKSLASH) return i
      if (unit < 0x20) throw this.#error('Invalid control character at', i)
    }
    throw this.#error('Unterminated string starting at', begin)
  }

  /** What the escape after a backslash stands for; the reader stands behind that backslash. */
  #escape(begin: number): string {
    const unit = this.#text.charCodeAt(this.#at)
    if (Number.isNaN(unit)) throw this.#error('Unterminated string starting at', begin)
    if (unit === LOWER_U) return this.#unicodeEscape()
    const character = ESCAPES.get(unit)
    if (character === undefined) throw this.#error('Invalid \\escape', this.#at - 1)
    this.#at++
    return character
  }

  /** One UTF-16 unit; the halves of a pair join by standing side by side, as CPython joins them. */
  #unicodeEscape(): string {
    const at = this.#at
    const digits = this.#text.slice(at + 1, at + 5)
    if (at + 5 >= this.#text.length || !/^[0-9a-fA-F]{4}$/.test(digits)) {
      throw this.#error('Invalid \\uXXXX escape', at)
    }
    this.#at = at + 5
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #number(): PyValue {
    this.#budget.spend(COST.number)
    const text = this.#text
    const start = this.#at
    const first = text.charCodeAt(start) === MINUS ? start + 1 : start
    if (!isDigit(text.charCodeAt(first))) throw this.#error('Expecting value', start)
    const integerEnd = text.charCodeAt(first) === ZERO ? first + 1 : digitsEnd(text, first)
    const fractionEnd = this.#fractionEnd(integerEnd)
    const end = this.#exponentEnd(fractionEnd)
    this.#at = end
    if (end === integerEnd) return this.#integer(start, first, end)
    const isShort = end === fractionEnd && end - first <= MAX_SHORT_DIGITS
    return isShort
      ? this.#shortDecimal(start, first, integerEnd, end)
      : Number(text.slice(start, end))
  }

  /** A decimal of at most 15 digits: one division, of two numbers that doubles hold exactly, rounds as it should. */
  #shortDecimal(start: number, first: number, point: number, end: number): number {
    const digits = shortInteger(this.#text, first, point)
    const scale = POWERS_OF_TEN[end - point - 1] as number
    const size = (digits * scale + shortInteger(this.#text, point + 1, end)) / scale
    return first === start ? size : -size
  }

  #fractionEnd(at: number): number {
    const text = this.#text
    const isFraction = text.charCodeAt(at) === DOT && isDigit(text.charCodeAt(at + 1))
    return isFraction ? digitsEnd(text, at + 1) : at
  }

  #exponentEnd(at: number): number {
    const text = this.#text
    if ((text.charCodeAt(at) | 0x20) !== LOWER_E) return at
    const sign = text.charCodeAt(at + 1)
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
    return isDigit(text.charCodeAt(digits)) ? digitsEnd(text, digits) : at
  }

  #integer(start: number, first: number, end: number): bigint {
    const digits = end - first
    if (digits <= MAX_SHORT_DIGITS) {
      const size = shortInteger(this.#text, first, end)
      return BigInt(first === start ? size : -size)
    }
    if (digits > MAX_INT_DIGITS) {
      const message = `Exceeds the limit (${MAX_INT_DIGITS} digits) for integer string conversion: value has ${digits} digits; use sys.set_int_max_str_digits() to increase the limit`
      throw new JsonSyntaxError(message, { kind: 'digits', digits })
    }
    return BigInt(this.#text.slice(start, end))
  }

  #error(what: string, index: number): JsonSyntaxError {
    return syntaxErrorAt(this.#text, what, index)
  }
}
