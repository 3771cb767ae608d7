import { PythonError } from '../python/python-error.ts'
import { type PandasTime, readPandasTime } from './pandas-time.ts'

const DIRECTIVES: Readonly<Record<string, string>> = {
  '%Y': '\\d{4}',
  '%m': '(?:1[0-2]|0[1-9]|[1-9])',
  '%d': '(?:3[01]|[12]\\d|0[1-9]|[1-9]| [1-9])',
  '%H': '(?:2[0-3]|[01]\\d|\\d)',
  '%I': '(?:1[0-2]|0[1-9]|[1-9])',
  '%M': '(?:[0-5]\\d|\\d)',
  '%S': '(?:6[01]|[0-5]\\d|\\d)',
  '%f': '\\d{1,9}',
  '%p': '(?:am|pm)',
  '%b': '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)',
  '%B': '(?:january|february|march|april|may|june|july|august|september|october|november|december)',
  '%z': '(?:[+-]\\d\\d:?[0-5]\\d(?::?[0-5]\\d)?|Z)',
}

const ADVICE =
  '. You might want to try:\n' +
  '    - passing `format` if your strings have a consistent format;\n' +
  "    - passing `format='ISO8601'` if your strings are all ISO8601 but not necessarily in exactly the same format;\n" +
  "    - passing `format='mixed'`, and the format will be inferred for each element individually. You might want to use `dayfirst` alongside this."

/** A reader of text that must follow one `strptime` format, as pandas wants of a whole column (pandas/_libs/tslibs/strptime.pyx). */
export class TimeFormat {
  readonly #format: string
  readonly #pattern: RegExp
  readonly #dayFirst: boolean

  constructor(format: string) {
    this.#format = format
    const pattern = format.replaceAll(/%[A-Za-z]|\s+|[^%\s]/g, (piece) => {
      if (/^\s/.test(piece)) return '\\s+'
      return DIRECTIVES[piece] ?? piece.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
    })
    this.#pattern = new RegExp(`^${pattern}`, 'i')
    this.#dayFirst = format.startsWith('%d') && format.includes('%m')
  }

  fits(text: string): boolean {
    return this.#pattern.exec(text)?.[0].length === text.length
  }

  /** @throws PythonError ValueError naming the text and the format. */
  read(text: string): PandasTime {
    const found = this.#pattern.exec(text)?.[0]
    if (found === undefined) {
      throw new PythonError(
        'ValueError',
        `time data "${text}" doesn't match format "${this.#format}"${ADVICE}`,
      )
    }
    if (found.length < text.length) {
      const rest = text.slice(found.length)
      throw new PythonError(
        'ValueError',
        `unconverted data remains when parsing with format "${this.#format}": "${rest}"${ADVICE}`,
      )
    }
    return readPandasTime(this.#monthFirst(text))
  }

  /** Day and month change places where the format says so, because a text alone is read month first. */
  #monthFirst(text: string): string {
    const [, day, gap, month, rest] = /^(\d{1,2})(\D)(\d{1,2})(\D.*)$/s.exec(text) ?? []
    if (!this.#dayFirst || day === undefined || Number(day) > 12) return text
    return `${month}${gap}${day}${rest}`
  }
}
