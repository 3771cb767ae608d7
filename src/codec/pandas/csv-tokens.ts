import { PythonError } from '../python/python-error.ts'
import { parseInteger } from '../python/python-number.ts'

/** Cells that pandas takes for missing (pandas/_libs/parsers.pyx, `STR_NA_VALUES`). */
const MISSING: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN'],
  ...['<NA>', 'N/A', 'NA', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
])

export function isMissingCell(cell: string): boolean {
  return MISSING.has(cell)
}

/** What a column cannot be: no numbers of the kind, or numbers that it does not hold. */
export type Misfit = 'invalid' | 'overflow'

const INTEGER = /^[ \t-\r]*([+-]?[0-9]+)([ \t-\r]*)$/
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

/** pandas' `str_to_int64`: an integer too large for it is an overflow only where nothing follows its digits. */
export function int64Of(cell: string): bigint | Misfit {
  const match = INTEGER.exec(cell)
  if (match === null) return 'invalid'
  const [, digits = '', blanks] = match
  const value = integer(digits)
  if (value >= INT64_MIN && value <= INT64_MAX) return value
  return blanks === '' ? 'overflow' : 'invalid'
}

/** pandas' `str_to_uint64`, which gives up reading at a minus: 'negative'. */
export function uint64Of(cell: string): bigint | Misfit | 'negative' {
  if (/^[ \t-\r]*-/.test(cell)) return 'negative'
  const match = INTEGER.exec(cell)
  if (match === null) return 'invalid'
  const [, digits = '', blanks] = match
  const value = integer(digits)
  if (value <= UINT64_MAX) return value
  return blanks === '' ? 'overflow' : 'invalid'
}

/** BigInt of very many digits takes quadratic time; all of these are out of range alike. */
function integer(digits: string): bigint {
  if (digits.length <= 15) return BigInt(Number(digits))
  const significant = digits.replace(/^([+-]?)0+(?=[0-9])/, '$1').replace('+', '')
  return BigInt(significant.length > 25 ? significant.slice(0, 25) : significant)
}

/** A Python int of any size, as `int(bytes)` reads it. @throws PythonError ValueError */
export function pythonIntegerOf(cell: string): bigint {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII but NUL is meant
  if (!/^[\x01-\x7f]*$/.test(cell)) throw new PythonError('ValueError', 'Invalid integer')
  return parseInteger(cell)
}

const FLOAT = /^[ \t-\r]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t-\r]*$/
const INFINITE = /^[+-]?inf(?:inity)?$/i

/** A float, correctly rounded; too large is infinite. Undefined for other text. */
export function floatOf(cell: string): number | undefined {
  if (FLOAT.test(cell)) return Number(cell)
  if (!INFINITE.test(cell)) return undefined
  return cell.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** `true` and `false`, in letters of any case. */
export function boolOf(cell: string): boolean | undefined {
  if (cell.length > 5) return undefined
  const lower = cell.toLowerCase()
  return lower === 'true' ? true : lower === 'false' ? false : undefined
}
