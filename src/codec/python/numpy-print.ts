import { type ElementFormat, elementFormat, type ValueText } from './numpy-format.ts'
import type { NdArray } from './python-object.ts'

/** `numpy.get_printoptions()`, which nothing changes in a scoring server. */
const LINE_WIDTH = 75
const THRESHOLD = 1000
const EDGE_ITEMS = 3

/** `str(array)` of one axis or more (numpy/_core/arrayprint.py). */
export function arrayText(array: NdArray, values: ValueText): string {
  return new Printer(array, ' ', ' ', LINE_WIDTH, values).print()
}

/** `repr(array)` */
export function arrayRepr(array: NdArray, values: ValueText): string {
  const prefix = 'array('
  const indent = ` ${' '.repeat(prefix.length)}`
  const body = new Printer(array, ', ', indent, LINE_WIDTH - 1, values).print()
  const size = array.data.length
  const extras: string[] = []
  if ((size === 0 && !(array.shape.length === 1)) || size > THRESHOLD) {
    extras.push(`shape=(${array.shape.join(', ')}${array.shape.length === 1 ? ',' : ''})`)
  }
  if (size === 0 || !IMPLIED.has(array.dtype.name)) extras.push(`dtype=${shortDtype(array)}`)
  if (extras.length === 0) return `${prefix}${body})`
  const start = `${prefix}${body},`
  const extra = `${extras.join(', ')})`
  const lastLine = start.length - (start.lastIndexOf('\n') + 1)
  const wraps = lastLine + extra.length + 1 > LINE_WIDTH
  return `${start}${wraps ? `\n${' '.repeat(prefix.length)}` : ' '}${extra}`
}

const IMPLIED: ReadonlySet<string> = new Set(['int64', 'float64', 'bool'])

function shortDtype(array: NdArray): string {
  const { kind, name } = array.dtype
  return kind === 'U' || kind === 'S' || kind === 'M' ? `'${name}'` : name
}

/** The nested brackets of an array, wrapped at the line width, the middle left out of large ones. */
class Printer {
  readonly #array: NdArray
  readonly #separator: string
  readonly #indent: string
  readonly #width: number
  readonly #summarize: boolean
  readonly #format: ElementFormat

  constructor(array: NdArray, separator: string, indent: string, width: number, values: ValueText) {
    this.#array = array
    this.#separator = separator
    this.#indent = indent
    this.#width = width
    this.#summarize = array.data.length > THRESHOLD
    this.#format = elementFormat(array, this.#shown(), values)
  }

  print(): string {
    if (this.#array.data.length === 0) return this.#array.shape.length === 0 ? '' : '[]'
    return this.#axis(0, 0, this.#indent, this.#width)
  }

  /** Flat positions of the elements that are printed, whose widths decide the format. */
  #shown(): readonly number[] {
    const { shape } = this.#array
    let positions = [0]
    for (const [axis, size] of shape.entries()) {
      const along = this.#along(axis)
      positions = positions.flatMap((start) => along.map((i) => start * size + i))
    }
    return positions
  }

  #along(axis: number): readonly number[] {
    const size = this.#array.shape[axis] ?? 0
    const all = Array.from({ length: size }, (_, i) => i)
    if (!this.#summarize || size <= 2 * EDGE_ITEMS) return all
    return [...all.slice(0, EDGE_ITEMS), ...all.slice(-EDGE_ITEMS)]
  }

  #axis(axis: number, start: number, indent: string, width: number): string {
    const { shape } = this.#array
    if (axis === shape.length) return this.#format(start)
    const size = shape[axis] ?? 0
    const along = this.#along(axis)
    const cut = along.length < size ? EDGE_ITEMS : -1
    const words = along.map((i) => this.#axis(axis + 1, start * size + i, `${indent} `, width - 1))
    if (cut !== -1) words.splice(cut, 0, '...')
    if (axis === shape.length - 1) return `[${this.#wrap(words, indent, width)}]`
    const separator = this.#separator.trimEnd() + '\n'.repeat(shape.length - axis - 1) + indent
    return `[${words.join(separator)}]`
  }

  #wrap(words: readonly string[], indent: string, width: number): string {
    const room = width - Math.max(this.#separator.trimEnd().length, 1)
    let done = ''
    let line = indent
    for (const [i, word] of words.entries()) {
      const pieces = word.split('\n')
      const longest = Math.max(...pieces.map((piece) => piece.length))
      if (line.length + longest > room && line.length > indent.length) {
        done += `${line.trimEnd()}\n`
        line = indent
      }
      const under = ' '.repeat(line.length)
      for (const [row, piece] of pieces.entries()) {
        if (row > 0) {
          done += `${line.trimEnd()}\n`
          line = under
        }
        line += piece
      }
      if (pieces.length > 1) line += ' '.repeat(longest - (pieces.at(-1) ?? '').length)
      if (i < words.length - 1) line += this.#separator
    }
    return (done + line).slice(indent.length)
  }
}
