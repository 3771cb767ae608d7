/** What is wrong with a JSON body, in the terms of Python's `json.loads`, which MLflow reads bodies with. */
export type JsonFault =
  /** `json.JSONDecodeError`: line and column count from 1, position from 0, all in code points. */
  | {
      readonly kind: 'syntax'
      readonly line: number
      readonly column: number
      readonly position: number
    }
  /** `UnicodeDecodeError`: not text in that encoding. The fields are the exception's `args`, which `repr()` shows. */
  | {
      readonly kind: 'encoding'
      readonly encoding: string
      /** What the decoder was given: the body, without the byte order mark of UTF-8. */
      readonly object: Uint8Array
      readonly start: number
      readonly end: number
      readonly reason: string
    }
  /** `ValueError`: an integer of more than 4300 digits, `sys.get_int_max_str_digits()`. */
  | { readonly kind: 'digits'; readonly digits: number }
  /** `RecursionError`: more nested levels than the caller allows. */
  | { readonly kind: 'depth'; readonly maxDepth: number }

/** A body that `json.loads` refuses; `message` is what Python's exception says (`str(ex)`). */
export class JsonSyntaxError extends Error {
  readonly fault: JsonFault

  constructor(message: string, fault: JsonFault) {
    super(message)
    this.name = 'JsonSyntaxError'
    this.fault = fault
  }
}

/** `json.JSONDecodeError(what, text, index)`, `index` counting UTF-16 units as JavaScript does. */
export function syntaxErrorAt(text: string, what: string, index: number): JsonSyntaxError {
  const lineStart = index === 0 ? 0 : text.lastIndexOf('\n', index - 1) + 1
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  const column = codePoints(text, lineStart, index) + 1
  const position = codePoints(text, 0, index)
  return new JsonSyntaxError(`${what}: line ${line} column ${column} (char ${position})`, {
    kind: 'syntax',
    line,
    column,
    position,
  })
}

function codePoints(text: string, from: number, to: number): number {
  let count = to - from
  for (let i = from + 1; i < to; i++) {
    const isPair = isLow(text.charCodeAt(i)) && isHigh(text.charCodeAt(i - 1))
    if (isPair) count--
  }
  return count
}

const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff
