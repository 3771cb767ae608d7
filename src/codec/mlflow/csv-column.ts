import { BOOL, type Dtype, FLOAT64, INT64, OBJECT, PANDAS_STRING, UINT64 } from './dtype.ts'
import { castArray } from './numpy-cast.ts'
import { numericArray, setNumber } from './numpy-convert.ts'
import { PythonError } from './python-error.ts'
import { element, NdArray, type PyObject } from './python-object.ts'

/** Fields that pandas takes for missing values (pandas/_libs/parsers.pyx, `STR_NA_VALUES`). */
const MISSING: ReadonlySet<string> = new Set(
  '|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null'.split(
    '|',
  ),
)

const INTEGER = /^[ \t-\r]*[+-]?\d+[ \t-\r]*$/
const FLOAT = /^[ \t-\r]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ \t-\r]*$/
const INFINITE = /^([+-]?)inf(?:inity)?$/i
const BOOLEAN = /^(true|false)$/i

/** A field's value; null where it is missing. */
type Cell = bigint | number | boolean | string | null

/** What the fields of a column were found to be. */
interface Found {
  readonly dtype: Dtype
  readonly cells: readonly Cell[]
  readonly gaps: boolean
}

/**
 * A column of CSV fields as pandas' C parser converts it: inferred as integers, floats, booleans or text, and then cast
 * to the dtype that the signature gives, where that loses nothing (pandas/_libs/parsers.pyx, `_convert_tokens`).
 * @param position of the column in the file, for messages.
 * @throws PythonError in pandas' words.
 */
export function csvColumn(
  fields: readonly string[],
  dtype: Dtype | undefined,
  position: number,
): NdArray {
  if (dtype === undefined) return inferred(fields)
  if (dtype.kind === 'O') return textColumn(fields, OBJECT)
  if (dtype.kind === 'M') {
    throw new PythonError(
      'TypeError',
      `the dtype ${dtype.name} is not supported for parsing, pass this column using parse_dates instead`,
    )
  }
  return asked(fields, dtype, position) ?? castSafely(findAny(fields), dtype, position)
}

function textColumn(fields: readonly string[], dtype: Dtype): NdArray {
  const data = fields.map((field) => (MISSING.has(field) ? Number.NaN : field))
  return new NdArray(dtype, [fields.length], data)
}

function inferred(fields: readonly string[]): NdArray {
  if (fields.length === 0) return new NdArray(OBJECT, [0], [])
  const { dtype, cells, gaps } = findAny(fields)
  if (dtype.kind === 'O') return textColumn(fields, PANDAS_STRING)
  if (!gaps) return numbers(cells, dtype)
  if (dtype.kind !== 'b') return numbers(cells, FLOAT64)
  return new NdArray(
    OBJECT,
    [cells.length],
    cells.map((cell) => cell ?? Number.NaN),
  )
}

/** The column as the dtype that was asked for, where its fields are written so; undefined where another must be cast. */
function asked(fields: readonly string[], dtype: Dtype, position: number): NdArray | undefined {
  const found =
    dtype.kind === 'f'
      ? findFloats(fields)
      : dtype.kind === 'b'
        ? findBooleans(fields)
        : findIntegers(fields)
  if (found === undefined) return undefined
  if (dtype.kind === 'f') return castArray(numbers(found.cells, FLOAT64), dtype)
  if (found.gaps) {
    const kind = dtype.kind === 'b' ? 'Bool' : 'Integer'
    throw new PythonError('ValueError', `${kind} column has NA values in column ${position}`)
  }
  return castSafely(found, dtype, position)
}

/** Integers, floats, booleans, text: the first that all fields are. Integers that no 64 bits hold stay text. */
function findAny(fields: readonly string[]): Found {
  try {
    const found = findIntegers(fields) ?? findFloats(fields) ?? findBooleans(fields)
    if (found !== undefined) return found
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
  }
  return find(fields, OBJECT, (field) => field) ?? { dtype: OBJECT, cells: [], gaps: false }
}

function find(
  fields: readonly string[],
  dtype: Dtype,
  read: (field: string) => Cell | undefined,
): Found | undefined {
  const cells: Cell[] = []
  let gaps = false
  for (const field of fields) {
    const cell = MISSING.has(field) ? null : read(field)
    if (cell === undefined) return undefined
    if (cell === null) gaps = true
    cells.push(cell)
  }
  return { dtype, cells, gaps }
}

/** @throws PythonError where the integers fit neither int64 nor uint64. */
function findIntegers(fields: readonly string[]): Found | undefined {
  const found = find(fields, INT64, (field) =>
    INTEGER.test(field) ? BigInt(field.trim().replace(/^\+/, '')) : undefined,
  )
  if (found === undefined) return undefined
  let least = 0n
  let most = 0n
  for (const cell of found.cells) {
    if (typeof cell !== 'bigint') continue
    if (cell < least) least = cell
    if (cell > most) most = cell
  }
  if (least >= -(2n ** 63n) && most < 2n ** 63n) return found
  if (most >= 2n ** 64n || least < -(2n ** 63n)) throw new PythonError('OverflowError', 'Overflow')
  if (least < 0n || found.gaps)
    throw new PythonError('ValueError', 'Cannot convert to numerical dtype')
  return { ...found, dtype: UINT64 }
}

function findFloats(fields: readonly string[]): Found | undefined {
  return find(fields, FLOAT64, (field) => {
    if (FLOAT.test(field)) return Number(field)
    const infinite = INFINITE.exec(field)
    if (infinite === null) return undefined
    return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  })
}

function findBooleans(fields: readonly string[]): Found | undefined {
  return find(fields, BOOL, (field) => {
    const word = BOOLEAN.exec(field)?.[0]
    return word === undefined ? undefined : word.toLowerCase() === 'true'
  })
}

function numbers(cells: readonly Cell[], dtype: Dtype): NdArray {
  const data = numericArray(dtype, cells.length)
  for (const [i, cell] of cells.entries()) {
    // A gap among integers is their least one to pandas, until it makes floats of them.
    const gap = dtype.kind === 'f' ? Number.NaN : -(2n ** 63n)
    const value =
      cell === null || typeof cell === 'string'
        ? gap
        : typeof cell === 'boolean'
          ? Number(cell)
          : cell
    setNumber(data, i, dtype.kind === 'f' ? Number(value) : value, dtype)
  }
  return new NdArray(dtype, [cells.length], data)
}

/** A cast that gives back equal values, or booleans with gaps as floats. */
function castSafely({ dtype, cells, gaps }: Found, to: Dtype, position: number): NdArray {
  if (dtype.kind === 'b' && to.kind === 'f') return castArray(numbers(cells, FLOAT64), to)
  const refusal = `cannot safely convert passed user dtype of ${to.name} for ${dtype.name} dtyped data in column ${position}`
  if (dtype.kind === 'b' && gaps) throw new PythonError('ValueError', `${refusal} due to NA values`)
  const values: readonly PyObject[] = cells.map((cell) => cell ?? Number.NaN)
  const column =
    dtype.kind === 'O' ? new NdArray(OBJECT, [cells.length], values) : numbers(cells, dtype)
  const cast = castArray(column, to)
  for (let i = 0; i < cells.length; i++) {
    if (!isEqual(element(column, i), element(cast, i))) throw new PythonError('ValueError', refusal)
  }
  return cast
}

/** Python's `==` of two numbers; text is equal to none. */
function isEqual(a: PyObject, b: PyObject): boolean {
  if (typeof a === 'string' || a === null || b === null) return false
  // JavaScript compares a bigint with a number exactly, and true with 1.
  // biome-ignore lint/suspicious/noDoubleEquals: values of different types are compared by their number.
  return a == b
}
