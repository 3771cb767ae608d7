import { stringRepr } from './python-string.ts'

/** Names of Python's and pandas' exceptions that end up in MLflow's texts. */
export type PythonErrorType =
  | 'AttributeError'
  | 'DateParseError'
  | 'Error'
  | 'IndexError'
  | 'IntCastingNaNError'
  | 'InvalidIndexError'
  | 'KeyError'
  | 'MlflowException'
  | 'OutOfBoundsDatetime'
  | 'OverflowError'
  | 'RecursionError'
  | 'TypeError'
  | 'UnicodeDecodeError'
  | 'UnicodeEncodeError'
  | 'ValueError'

/**
 * What Python would raise at this point. It never leaves this folder: where MLflow catches an exception and quotes it,
 * {@link pythonRepr} or the message goes into a ServingError; an uncaught one is MLflow's "unexpected error".
 */
export class PythonError extends Error {
  readonly type: PythonErrorType
  readonly repr: string | undefined

  /** `repr` where Python's differs from `type('message')`. */
  constructor(type: PythonErrorType, message: string, repr?: string) {
    super(message)
    this.name = 'PythonError'
    this.type = type
    this.repr = repr
  }
}

/** `repr(exception)`. */
export function errorRepr(error: PythonError): string {
  return error.repr ?? `${error.type}(${stringRepr(error.message)})`
}

/**
 * Python's `str.encode` failing on the characters from `at` to `end`, in UTF-16 units: numpy meets it for ASCII bytes,
 * pandas for lone surrogates.
 */
export function encodeError(
  encoding: string,
  text: string,
  at: number,
  end: number,
  reason: string,
): PythonError {
  const start = codePoints(text.slice(0, at))
  const stop = start + codePoints(text.slice(at, end))
  const repr = `UnicodeEncodeError('${encoding}', ${stringRepr(text)}, ${start}, ${stop}, '${reason}')`
  const what =
    stop - start === 1
      ? `character '${escaped(text.codePointAt(at) ?? 0)}' in position ${start}`
      : `characters in position ${start}-${stop - 1}`
  const message = `'${encoding}' codec can't encode ${what}: ${reason}`
  return new PythonError('UnicodeEncodeError', message, repr)
}

/** Python's "surrogates not allowed" for the first lone surrogates of a text; undefined where it has none. */
export function surrogateError(text: string): PythonError | undefined {
  const found = /\p{Surrogate}+/u.exec(text)
  if (found === null) return undefined
  const end = found.index + found[0].length
  return encodeError('utf-8', text, found.index, end, 'surrogates not allowed')
}

function codePoints(text: string): number {
  return [...text].length
}

function escaped(point: number): string {
  const hex = point.toString(16)
  if (point < 0x100) return `\\x${hex.padStart(2, '0')}`
  return point < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
