import { daysFromCivil, daysInMonth, PER_SECOND } from './calendar.ts'
import type { TimeUnit } from './dtype.ts'
import { PythonError, surrogateError } from './python-error.ts'
import { NOT_A_TIME } from './python-object.ts'

/** A moment as ISO 8601 text gives it, with the unit of its last field. */
export interface NumpyTime {
  /** Seconds since 1970 in UTC. */
  readonly seconds: bigint
  /** Attoseconds beyond them. */
  readonly attoseconds: bigint
  readonly unit: 'Y' | 'M' | 'D' | 'h' | 'm' | 's' | 'ms' | 'us' | 'ns' | 'ps' | 'fs' | 'as'
}

/**
 * `numpy.datetime64(text, unit)` as a count of the unit, wrapped to 64 bits as numpy does.
 * @throws PythonError ValueError naming the position.
 */
export function parseNumpyTime(text: string, unit: TimeUnit): bigint {
  const time = readNumpyTime(text)
  if (time === undefined) return NOT_A_TIME
  const perSecond = PER_SECOND[unit]
  return BigInt.asIntN(64, time.seconds * perSecond + (time.attoseconds * perSecond) / 10n ** 18n)
}

/** The moment of a text; undefined for NaT. */
export function readNumpyTime(text: string): NumpyTime | undefined {
  const error = surrogateError(text)
  if (error !== undefined) throw error
  if (text === '' || /^nat$/i.test(text)) return undefined
  return new Reader(text).read()
}

/** Digits of a year that are read: numpy wraps any number of them to 64 bits, which takes quadratic time. */
const LONGEST_YEAR = 4300

const FRACTION_UNITS = ['s', 'ms', 'us', 'ns', 'ps', 'fs', 'as'] as const

/** numpy/_core/src/multiarray/datetime_strings.c, `parse_iso_8601_datetime`. */
class Reader {
  readonly #text: string
  #at = 0
  #year = 0n
  #month = 1
  #day = 1
  #seconds = 0
  #attoseconds = 0n

  constructor(text: string) {
    this.#text = text
    this.#at = text.length - text.trimStart().length
  }

  read(): NumpyTime {
    const unit = this.#fields()
    if (unit === 'Y' || unit === 'M' || unit === 'D') {
      if (this.#at < this.#text.length) throw this.#error()
      return this.#time(unit, 0)
    }
    return this.#time(unit, this.#zoneSeconds())
  }

  #fields(): NumpyTime['unit'] {
    this.#readYear()
    if (this.#at === this.#text.length) return 'Y'
    this.#expect('-')
    this.#month = this.#field('Month', 1, 12)
    if (this.#at === this.#text.length) return 'M'
    this.#expect('-')
    this.#day = this.#field('Day', 1, daysInMonth(this.#year, this.#month))
    if (this.#at === this.#text.length) return 'D'
    if (!this.#accept('T') && !this.#accept(' ')) throw this.#error()
    this.#seconds = 3600 * this.#field('Hours', 0, 23)
    if (!this.#accept(':')) return 'h'
    this.#seconds += 60 * this.#field('Minutes', 0, 59)
    if (!this.#accept(':')) return 'm'
    this.#seconds += this.#field('Seconds', 0, 59)
    return this.#accept('.') ? this.#fraction() : 's'
  }

  #readYear(): void {
    const [year = '', digits = ''] = /^[+-]?(\d*)/.exec(this.#text.slice(this.#at)) ?? []
    if (year.length > LONGEST_YEAR) throw this.#error()
    this.#at += year.length
    // A sign without digits is the year 0 to numpy, which then wants more of a date.
    if (digits === '' && this.#at === this.#text.length) throw this.#error()
    this.#year = digits === '' ? 0n : BigInt.asIntN(64, BigInt(year))
  }

  #fraction(): NumpyTime['unit'] {
    const digits = /^\d{0,18}/.exec(this.#text.slice(this.#at))?.[0] ?? ''
    this.#at += digits.length
    this.#attoseconds = BigInt(digits.padEnd(18, '0'))
    return FRACTION_UNITS[Math.ceil(digits.length / 3)] ?? 's'
  }

  #zoneSeconds(): number {
    if (this.#at === this.#text.length) return 0
    let zone = 0
    if (!this.#accept('Z')) {
      const sign = this.#accept('-') ? -1 : 1
      if (sign === 1 && !this.#accept('+')) throw this.#error()
      zone = 3600 * this.#field('Timezone hours offset', 0, 23)
      if (this.#at < this.#text.length) {
        this.#accept(':')
        zone += 60 * this.#field('Timezone minutes offset', 0, 59)
      }
      zone *= sign
    }
    if (this.#text.slice(this.#at).trim() !== '') throw this.#error()
    return zone
  }

  #time(unit: NumpyTime['unit'], zone: number): NumpyTime {
    const days = daysFromCivil(this.#year, this.#month, this.#day)
    const seconds = days * 86_400n + BigInt(this.#seconds - zone)
    return { seconds, attoseconds: this.#attoseconds, unit }
  }

  #field(name: string, least: number, most: number): number {
    const digits = /^\d\d/.exec(this.#text.slice(this.#at))?.[0]
    if (digits === undefined) throw this.#error()
    const value = Number(digits)
    if (value < least || value > most) {
      throw new PythonError('ValueError', `${name} out of range in datetime string "${this.#text}"`)
    }
    this.#at += 2
    return value
  }

  #accept(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #expect(char: string): void {
    if (!this.#accept(char)) throw this.#error()
  }

  #error(): PythonError {
    return new PythonError(
      'ValueError',
      `Error parsing datetime string "${this.#text}" at position ${this.#at}`,
    )
  }
}
