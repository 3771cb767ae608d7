import { stringRepr } from './python-string.ts'

/** Names of Python's and pandas' exceptions that end up in MLflow's texts. */
export type PythonErrorType =
  | 'AttributeError'
  | 'DateParseError'
  | 'Error'
  | 'IndexError'
  | 'IntCastingNaNError'
  | 'KeyError'
  | 'MlflowException'
  | 'OutOfBoundsDatetime'
  | 'OverflowError'
  | 'RecursionError'
  | 'TypeError'
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

/** Python's `str.encode` failing on a character, which numpy and pandas meet for lone surrogates. */
export function encodeError(
  encoding: string,
  text: string,
  at: number,
  reason: string,
): PythonError {
  const point = text.codePointAt(at) ?? 0
  const hex = point.toString(16)
  const escaped =
    point < 0x100
      ? `\\x${hex.padStart(2, '0')}`
      : point < 0x10000
        ? `\\u${hex.padStart(4, '0')}`
        : `\\U${hex.padStart(8, '0')}`
  const position = [...text.slice(0, at)].length
  const repr = `UnicodeEncodeError('${encoding}', ${stringRepr(text)}, ${position}, ${position + 1}, '${reason}')`
  const message = `'${encoding}' codec can't encode character '${escaped}' in position ${position}: ${reason}`
  return new PythonError('UnicodeEncodeError', message, repr)
}
