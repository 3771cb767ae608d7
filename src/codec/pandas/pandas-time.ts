import { daysFromCivil, daysInMonth } from '../python/calendar.ts'
import { PythonError } from '../python/python-error.ts'

/** A moment as pandas reads it from text. */
export interface PandasTime {
  /** Nanoseconds since 1970, in UTC where there is a zone; years beyond 64 bits included. */
  readonly nanoseconds: bigint
  /** Minutes east of UTC; undefined without a zone. */
  readonly zone: number | undefined
  /** The `strptime` format that pandas guesses, which the rest of a column must follow; undefined where it guesses none. */
  readonly format: string | undefined
}

/** Text that means "no time" to pandas. */
const MISSING: ReadonlySet<string> = new Set(['', 'NaT', 'nat', 'NAT', 'nan', 'NaN', 'NAN'])

export function isMissingTime(text: string): boolean {
  return MISSING.has(text)
}

const MONTHS: readonly string[] = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

const MONTH = `(?<name>${MONTHS.map((month) => `${month.slice(0, 3)}(?:${month.slice(3)})?`).join('|')})`
const WEEKDAY = '(?<weekday>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?'
const CLOCK =
  '(?:(?<gap>[Tt ]|, )(?:(?<h>\\d{1,2}):(?<m>\\d\\d)(?::(?<s>\\d\\d)(?:[.,](?<f>\\d+))?)?|(?<compact>\\d{4}(?:\\d\\d)?))(?<half> ?[ap]m)?(?: ?(?<zone>z|utc|gmt|[+-]\\d\\d:?\\d\\d|[+-]\\d\\d))?)?'

/** The spellings of a date that are read, each with an optional time behind it. */
const SPELLINGS: readonly RegExp[] = [
  '(?<Y>-?\\d{4,12})(?<sep>[-/. ])(?<M>\\d{1,2})\\k<sep>(?<D>\\d{1,2})',
  '(?<a>\\d{1,2})(?<sep>[-/. ])(?<b>\\d{1,2})\\k<sep>(?<Y>\\d{4})',
  '(?<Y>\\d{4})(?<sep>)(?<M>\\d\\d)(?<D>\\d\\d)',
  `${WEEKDAY}${MONTH}(?<sep>[ ])(?<D>\\d{1,2})(?<comma>,?) (?<Y>\\d{4})`,
  `${WEEKDAY}(?<D>\\d{1,2})(?<sep>[ -])${MONTH}\\k<sep>(?<Y>\\d{4})`,
].map((date) => new RegExp(`^${date}${CLOCK}$`, 'i'))

const YEAR_ONLY = /^(?<Y>\d{4})(?:(?<sep>-)(?<M>\d\d))?$/

type Groups = Readonly<Record<string, string | undefined>>

/**
 * The moment of one text: ISO 8601, and the usual spellings with slashes, points and English months, which pandas leaves
 * to dateutil. A date such as 01/02/2024 begins with the month unless that number is above 12.
 * @throws PythonError DateParseError or ValueError in pandas' words.
 */
export function readPandasTime(text: string): PandasTime {
  const trimmed = text.trim()
  for (const spelling of [YEAR_ONLY, ...SPELLINGS]) {
    const groups = spelling.exec(trimmed)?.groups
    if (groups !== undefined) return momentOf(groups, text, text === trimmed)
  }
  throw unreadable(text)
}

function unreadable(text: string): PythonError {
  if (/^[1-9]\d*(?:\.\d*)?$/.test(text) && Number(text) < 1000) {
    return new PythonError('ValueError', `Given date string "${text}" not likely a datetime`)
  }
  if (/^\d{5,}$/.test(text)) return outOfRange(`year ${text} is out of range`, text)
  return new PythonError(
    'DateParseError',
    `Unknown datetime string format, unable to parse: ${text}`,
  )
}

function outOfRange(fact: string, text: string): PythonError {
  return new PythonError('DateParseError', `${fact}: ${text}`)
}

function momentOf(groups: Groups, text: string, exact: boolean): PandasTime {
  const dayFirst = Number(groups.a) > 12
  const month =
    groups.name === undefined
      ? Number(groups.M ?? (dayFirst ? groups.b : groups.a) ?? 1)
      : monthOf(groups.name)
  const day = Number(groups.D ?? (dayFirst ? groups.a : groups.b) ?? 1)
  const year = BigInt(groups.Y ?? 0)
  if (year > 9999n) throw outOfRange(`year ${year} is out of range`, text)
  if (month < 1 || month > 12) throw outOfRange('month must be in 1..12', text)
  if (day < 1 || day > daysInMonth(year, month))
    throw outOfRange('day is out of range for month', text)
  const clock = clockOf(groups, text)
  const zone = zoneOf(groups.zone)
  const seconds =
    daysFromCivil(year, month, day) * 86_400n + BigInt(clock.seconds - (zone ?? 0) * 60)
  const nanoseconds = seconds * 1_000_000_000n + clock.nanoseconds
  return { nanoseconds, zone, format: exact ? formatOf(groups, dayFirst) : undefined }
}

function monthOf(name: string): number {
  return MONTHS.findIndex((month) => month.startsWith(name.slice(0, 3).toLowerCase())) + 1
}

function clockOf(groups: Groups, text: string): { seconds: number; nanoseconds: bigint } {
  const compact = groups.compact
  const [h, m, s] =
    compact === undefined ? [groups.h, groups.m, groups.s] : (compact.match(/\d\d/g) ?? [])
  const hour = hourOf(Number(h ?? 0), groups.half)
  const minute = Number(m ?? 0)
  const second = Number(s ?? 0)
  if (hour > 23) throw outOfRange('hour must be in 0..23', text)
  if (minute > 59) throw outOfRange('minute must be in 0..59', text)
  if (second > 59) throw outOfRange('second must be in 0..59', text)
  const nanoseconds = BigInt((groups.f ?? '').slice(0, 9).padEnd(9, '0'))
  return { seconds: hour * 3600 + minute * 60 + second, nanoseconds }
}

function hourOf(hour: number, half: string | undefined): number {
  if (half === undefined) return hour
  return (hour % 12) + (half.trim().toLowerCase() === 'pm' ? 12 : 0)
}

/** A lone lower-case z is no zone to dateutil. */
function zoneOf(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'z') return undefined
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? []
  if (hours === undefined) return 0
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes ?? 0))
}

function formatOf(groups: Groups, dayFirst: boolean): string | undefined {
  const clock = clockFormat(groups)
  const date = dateFormat(groups, dayFirst)
  return clock === undefined || date === undefined ? undefined : date + clock
}

function dateFormat(groups: Groups, dayFirst: boolean): string | undefined {
  const { sep = '', comma = '', name } = groups
  if (groups.weekday !== undefined) return undefined
  if (name !== undefined) {
    const month = name.length === 3 ? '%b' : '%B'
    return sep === ' ' && groups.comma !== undefined
      ? `${month} %d${comma} %Y`
      : `%d${sep}${month}${sep}%Y`
  }
  if (groups.a !== undefined) return dayFirst ? `%d${sep}%m${sep}%Y` : `%m${sep}%d${sep}%Y`
  if (groups.M === undefined) return '%Y'
  return groups.D === undefined ? `%Y${sep}%m` : `%Y${sep}%m${sep}%d`
}

function clockFormat(groups: Groups): string | undefined {
  const { gap, h, f = '', half, zone } = groups
  if (gap === undefined) return ''
  const guessable =
    f.length <= 9 && gap !== 't' && (zone === 'Z' || !/^(?:z|[a-z]{3})$/i.test(zone ?? ''))
  if (!guessable) return undefined
  const end = zone === undefined ? '' : '%z'
  if (h === undefined) return `${gap}${groups.compact?.length === 6 ? '%H%M%S' : '%H%M'}${end}`
  const noon = half === undefined ? '' : `${half.startsWith(' ') ? ' ' : ''}%p`
  return `${gap}${half === undefined ? '%H' : '%I'}:%M${secondFormat(groups)}${noon}${end}`
}

function secondFormat({ s, f }: Groups): string {
  if (s === undefined) return ''
  return f === undefined ? ':%S' : ':%S.%f'
}
