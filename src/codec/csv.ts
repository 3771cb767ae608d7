import { COST, MemoryBudget } from './memory-budget.ts'

/** What pandas says of text that is no table; `message` is its exception's `str()`. */
export class CsvError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CsvError'
  }
}

/** A table of text. A cell of a short row is empty, as pandas fills it. */
export interface CsvTable {
  /** Of the columns that have one: empty ones are `Unnamed: 0`, repeated ones `a.1`. */
  readonly names: readonly string[]
  /** The names as they stood in the text, before repeated ones got their numbers. */
  readonly headers: readonly string[]
  /** How many columns come before those with names: rows longer than the header begin with an index. */
  readonly indexColumns: number
  /** Cells by column, the index's columns first. */
  readonly columns: readonly (readonly string[])[]
  readonly rows: number
}

/**
 * Reads comma-separated text as `pandas.read_csv` does with its C engine's defaults (pandas 3.1,
 * pandas/_libs/src/parser/tokenizer.c, `tokenize_bytes`): lines end with LF, CRLF or CR; lines of blanks alone are
 * skipped; fields may be quoted, quotes are doubled; the first line names the columns.
 * @throws CsvError where pandas raises EmptyDataError or ParserError.
 * @throws ServingError BODY_TOO_LARGE where the cells exceed the budget.
 */
export function parseCsv(text: string, budget = new MemoryBudget()): CsvTable {
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text
  const lines = new CsvTokenizer(bare, budget).lines()
  const [header, first] = lines
  if (header === undefined) throw new CsvError('No columns to parse from file')
  const headers = header.map((name, i) => (name === '' ? `Unnamed: ${i}` : name))
  const width = Math.max(first?.length ?? 0, header.length)
  const rows = lines.length - 1
  // Short rows are filled up.
  budget.spend(rows * width * COST.slot)
  const columns = Array.from({ length: width }, (_, column) => columnOf(lines, column))
  const names = distinctNames(headers, header)
  return { names, headers, indexColumns: width - header.length, columns, rows }
}

function columnOf(lines: readonly (readonly string[])[], column: number): readonly string[] {
  const cells: string[] = []
  for (let line = 1; line < lines.length; line++) cells.push(lines[line]?.[column] ?? '')
  return cells
}

/** Numbers the repeated names; names that were given come before those made up for empty ones. */
function distinctNames(headers: readonly string[], given: readonly string[]): readonly string[] {
  const names = [...headers]
  const taken = new Set(names)
  const counts = new Map<string, number>()
  const places = [...names.keys()]
  const isGiven = (place: number) => given[place] !== ''
  for (const place of [...places.filter(isGiven), ...places.filter((one) => !isGiven(one))]) {
    const name = freeName(headers[place] ?? '', counts, taken)
    names[place] = name
    taken.add(name)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return names
}

function freeName(header: string, counts: Map<string, number>, taken: ReadonlySet<string>): string {
  let name = header
  let count = counts.get(header) ?? 0
  while (count > 0) {
    counts.set(header, count + 1)
    name = `${header}.${count}`
    count = taken.has(name) ? count + 1 : (counts.get(name) ?? 0)
  }
  return name
}

/** One reading of one text, with the tokenizer's own oddities. */
class CsvTokenizer {
  readonly #text: string
  readonly #budget: MemoryBudget
  readonly #lines: (readonly string[])[] = []
  #fields: string[] = []
  #at = 0
  /** Behind a comma that was stepped over. */
  #lostComma = -1
  /** Fields of the longest line so far. */
  #expected = 0
  /** Lines of the text so far, skipped ones too. */
  #textLines = 0

  constructor(text: string, budget: MemoryBudget) {
    this.#text = text
    this.#budget = budget
  }

  lines(): readonly (readonly string[])[] {
    while (this.#at < this.#text.length) {
      if (!this.#skipEmptyLine()) this.#readLine()
    }
    return this.#lines
  }

  /** Steps over a line of nothing but blanks; one that ends with the text counts for none. */
  #skipEmptyLine(): boolean {
    const end = this.#blanksEnd()
    if (end === this.#text.length) {
      this.#at = end
      return true
    }
    const mark = this.#text.charCodeAt(end)
    if (isLineEnd(mark)) {
      this.#at = end
      this.#stepOverLineEnd()
      this.#textLines++
      this.#loseComma()
      return true
    }
    if (end > this.#at && this.#lostComma === this.#at) this.#at--
    return false
  }

  /** pandas' tokenizer steps over a comma behind an empty line that ends with CR, and back where blanks follow. */
  #loseComma(): void {
    const isReturn = this.#text.charCodeAt(this.#at - 1) === CARRIAGE_RETURN
    if (isReturn && this.#text.charCodeAt(this.#at) === COMMA) this.#lostComma = ++this.#at
  }

  #blanksEnd(): number {
    const text = this.#text
    let end = this.#at
    while (text.charCodeAt(end) === SPACE || text.charCodeAt(end) === TAB) end++
    return end
  }

  #stepOverLineEnd(): void {
    const text = this.#text
    const isReturn = text.charCodeAt(this.#at) === CARRIAGE_RETURN
    this.#at++
    if (isReturn && text.charCodeAt(this.#at) === LINE_FEED) this.#at++
  }

  #readLine(): void {
    const text = this.#text
    this.#budget.spend(COST.emptyList + COST.list)
    for (;;) {
      this.#budget.spend(COST.slot + COST.string)
      this.#fields.push(
        text.charCodeAt(this.#at) === QUOTE ? this.#quotedField() : this.#plainField(),
      )
      const mark = text.charCodeAt(this.#at)
      if (mark !== COMMA) break
      this.#at++
    }
    if (this.#at < text.length) this.#stepOverLineEnd()
    this.#endLine()
  }

  /** Text up to the next comma or line end; quotes in it are as any other character. */
  #plainField(): string {
    const text = this.#text
    const from = this.#at
    let end = from
    while (end < text.length && !isFieldEnd(text.charCodeAt(end))) end++
    this.#at = end
    return text.slice(from, end)
  }

  /** What quotes enclose, doubled ones undoubled, and whatever follows the closing one. */
  #quotedField(): string {
    const text = this.#text
    let value = ''
    let from = this.#at + 1
    for (;;) {
      const quote = text.indexOf('"', from)
      if (quote === -1) {
        throw tokenizing(`EOF inside string starting at row ${this.#textLines}`)
      }
      value += text.slice(from, quote)
      from = quote + 1
      if (text.charCodeAt(from) !== QUOTE) break
      value += '"'
      from++
    }
    this.#at = from
    return value + this.#plainField()
  }

  /** Adds the line, which counts as filled up to the length of the one before; only the header's follower may be longer. */
  #endLine(): void {
    const fields = this.#fields
    const expected = this.#expected
    this.#fields = []
    this.#textLines++
    if (this.#lines.length > 1 && fields.length > expected) {
      throw tokenizing(
        `Expected ${expected} fields in line ${this.#textLines}, saw ${fields.length}\n`,
      )
    }
    this.#expected = Math.max(expected, fields.length)
    this.#lines.push(fields)
  }
}

function tokenizing(what: string): CsvError {
  return new CsvError(`Error tokenizing data. C error: ${what}`)
}

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c

function isLineEnd(code: number): boolean {
  return code === LINE_FEED || code === CARRIAGE_RETURN
}

function isFieldEnd(code: number): boolean {
  return code === COMMA || isLineEnd(code)
}
