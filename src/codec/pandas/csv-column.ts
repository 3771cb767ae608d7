import { BOOL, type Dtype, FLOAT64, INT64, OBJECT, PANDAS_STRING, UINT64 } from '../python/dtype.ts'
import { castArray } from '../python/numpy-cast.ts'
import { PythonError } from '../python/python-error.ts'
import { NdArray, type PyObject } from '../python/python-object.ts'
import { boolOf, floatOf, int64Of, isMissingCell, pythonIntegerOf, uint64Of } from './csv-tokens.ts'

/** A column as pandas' parser first has it, and how many cells it has put a stand-in for. */
interface Parsed {
  readonly column: NdArray
  readonly missing: number
}

/**
 * The column that `pandas.read_csv` makes of cells whose dtype was not given: int64, uint64, integers of any size,
 * float64, bool, else text; whichever first takes every cell that is not missing.
 */
export function inferCsvColumn(cells: readonly string[]): NdArray {
  const parsed = inferred(cells, PANDAS_STRING)
  return parsed.missing > 0 ? withMissing(parsed.column, cells) : parsed.column
}

/**
 * The column for a dtype that was given (pandas/_libs/parsers.pyx, `_convert_tokens`): read as that dtype, else inferred
 * and cast if nothing is lost by it. `place` is the column's, for the texts.
 * @throws PythonError
 */
export function csvColumnOf(cells: readonly string[], dtype: Dtype, place: number): NdArray {
  switch (dtype.kind) {
    case 'i':
    case 'u':
      return integerColumn(cells, dtype, place)
    case 'f': {
      const floats = floatColumn(cells)
      return floats ? castArray(floats.column, dtype) : castSafely(cells, dtype, place)
    }
    case 'b': {
      const bools = boolColumn(cells)
      if (bools === undefined) return castSafely(cells, dtype, place)
      if (bools.missing === 0) return bools.column
      throw new PythonError('ValueError', `Bool column has NA values in column ${place}`)
    }
    case 'O':
      return textColumn(cells, OBJECT).column
    default:
      throw new PythonError(
        'TypeError',
        `the dtype ${dtype.name} is not supported for parsing, pass this column using parse_dates instead`,
      )
  }
}

function integerColumn(cells: readonly string[], dtype: Dtype, place: number): NdArray {
  const integers = int64Column(cells)
  if (integers === 'invalid') return castSafely(cells, dtype, place)
  if (integers !== 'overflow') {
    if (integers.missing === 0) return castExactly(integers.column, dtype, place)
    throw new PythonError('ValueError', `Integer column has NA values in column ${place}`)
  }
  const unsigned = uint64Column(cells)
  if (unsigned === 'overflow') throw new PythonError('OverflowError', 'Overflow')
  if (unsigned === 'conflict') {
    throw new PythonError('ValueError', 'Cannot convert to numerical dtype')
  }
  if (unsigned === 'invalid') return castSafely(cells, dtype, place)
  return castExactly(unsigned.column, dtype, place)
}

/** What another dtype reads, if the cast changes nothing. */
function castSafely(cells: readonly string[], dtype: Dtype, place: number): NdArray {
  const { column, missing } = inferred(cells, OBJECT)
  if (column.dtype.kind === 'b') {
    if (missing === 0) return castArray(column, dtype)
    if (dtype.kind === 'f') return castArray(withMissing(column, cells), dtype)
    throw unsafeCast(column, dtype, place, ' due to NA values')
  }
  // pandas holds the least int64 in place of a missing integer, which no other type can
  if (missing > 0) throw unsafeCast(column, dtype, place)
  return castExactly(column, dtype, place)
}

function castExactly(column: NdArray, dtype: Dtype, place: number): NdArray {
  const cast = castArray(column, dtype)
  if (isSame(cast, column)) return cast
  throw unsafeCast(column, dtype, place)
}

function unsafeCast(column: NdArray, dtype: Dtype, place: number, why = ''): PythonError {
  const from = column.dtype.kind === 'b' ? "<class 'numpy.bool'>" : column.dtype.name
  const message = `cannot safely convert passed user dtype of ${dtype.name} for ${from} dtyped data in column ${place}${why}`
  return new PythonError('ValueError', message)
}

/** Whether all values are equal as numbers; text is equal to none. */
function isSame(cast: NdArray, column: NdArray): boolean {
  for (const [i, value] of column.data.entries()) {
    if (typeof value !== 'number' && typeof value !== 'bigint') return false
    // JavaScript compares a bigint with a number exactly
    // biome-ignore lint/suspicious/noDoubleEquals: values of different types are compared by their number
    if (cast.data[i] != value) return false
  }
  return true
}

function inferred(cells: readonly string[], text: Dtype): Parsed {
  const integers = int64Column(cells)
  if (integers === 'overflow') return largeColumn(cells, text)
  return integers === 'invalid' ? floatOrOther(cells, text) : integers
}

function floatOrOther(cells: readonly string[], text: Dtype): Parsed {
  return floatColumn(cells) ?? boolColumn(cells) ?? textColumn(cells, text)
}

/** Integers of which one is too large for int64. Where they become text, missing cells stay as they are written. */
function largeColumn(cells: readonly string[], text: Dtype): Parsed {
  const unsigned = uint64Column(cells)
  if (unsigned === 'invalid') return floatOrOther(cells, text)
  if (unsigned === 'conflict') return literalColumn(cells, text)
  return unsigned === 'overflow' ? pythonIntegerColumn(cells, text) : unsigned
}

function literalColumn(cells: readonly string[], dtype: Dtype): Parsed {
  return { column: new NdArray(dtype, [cells.length], cells), missing: 0 }
}

function int64Column(cells: readonly string[]): Parsed | 'invalid' | 'overflow' {
  const data = new BigInt64Array(cells.length)
  let missing = 0
  for (const [i, cell] of cells.entries()) {
    if (isMissingCell(cell)) {
      missing++
      continue
    }
    const value = int64Of(cell)
    if (typeof value === 'string') return value
    data[i] = value
  }
  return { column: new NdArray(INT64, [cells.length], data), missing }
}

/**
 * 'overflow' too where a negative number is what int64 does not hold; 'conflict' where one needs uint64 and another
 * is negative or missing.
 */
function uint64Column(cells: readonly string[]): Parsed | 'invalid' | 'overflow' | 'conflict' {
  const data = new BigUint64Array(cells.length)
  const seen = { large: false, missing: false, negative: false }
  for (const [i, cell] of cells.entries()) {
    if (isMissingCell(cell)) {
      seen.missing = true
      continue
    }
    const value = uint64Of(cell)
    if (value === 'invalid' || value === 'overflow') return value
    if (value === 'negative') seen.negative = true
    else {
      data[i] = value
      seen.large ||= value >= 2n ** 63n
    }
  }
  if (seen.large && (seen.missing || seen.negative)) return 'conflict'
  if (seen.negative) return 'overflow'
  return { column: new NdArray(UINT64, [cells.length], data), missing: 0 }
}

function pythonIntegerColumn(cells: readonly string[], text: Dtype): Parsed {
  try {
    const data = cells.map((cell) => (isMissingCell(cell) ? Number.NaN : pythonIntegerOf(cell)))
    return { column: new NdArray(OBJECT, [cells.length], data), missing: 0 }
  } catch (error) {
    if (error instanceof PythonError) return literalColumn(cells, text)
    throw error
  }
}

function floatColumn(cells: readonly string[]): Parsed | undefined {
  const data = new Float64Array(cells.length)
  for (const [i, cell] of cells.entries()) {
    const value = isMissingCell(cell) ? Number.NaN : floatOf(cell)
    if (value === undefined) return undefined
    data[i] = value
  }
  return { column: new NdArray(FLOAT64, [cells.length], data), missing: 0 }
}

function boolColumn(cells: readonly string[]): Parsed | undefined {
  const data = new Uint8Array(cells.length)
  let missing = 0
  for (const [i, cell] of cells.entries()) {
    if (isMissingCell(cell)) {
      missing++
      continue
    }
    const value = boolOf(cell)
    if (value === undefined) return undefined
    data[i] = Number(value)
  }
  return { column: new NdArray(BOOL, [cells.length], data), missing }
}

function textColumn(cells: readonly string[], dtype: Dtype): Parsed {
  const data = cells.map((cell) => (isMissingCell(cell) ? Number.NaN : cell))
  return { column: new NdArray(dtype, [cells.length], data), missing: 0 }
}

/** NaN where cells are missing: integers become float64, booleans objects. */
function withMissing(column: NdArray, cells: readonly string[]): NdArray {
  const { data, shape } = column
  if (column.dtype.kind === 'b') {
    const objects: PyObject[] = cells.map((cell, i) =>
      isMissingCell(cell) ? Number.NaN : data[i] === 1,
    )
    return new NdArray(OBJECT, shape, objects)
  }
  const floats = Float64Array.from(cells, (cell, i) =>
    isMissingCell(cell) ? Number.NaN : Number(data[i]),
  )
  return new NdArray(FLOAT64, shape, floats)
}
