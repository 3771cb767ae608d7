import type { TimeUnit } from './dtype.ts'

/** Counts of each unit in a second. */
export const PER_SECOND: Readonly<Record<TimeUnit, bigint>> = {
  s: 1n,
  ms: 1_000n,
  us: 1_000_000n,
  ns: 1_000_000_000n,
}

/** Digits of a second's fraction that each unit keeps. */
const FRACTION_DIGITS: Readonly<Record<TimeUnit, number>> = { s: 0, ms: 3, us: 6, ns: 9 }

const SECONDS_PER_DAY = 86_400n
const DAYS_PER_ERA = 146_097n

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar, in any year. */
export function daysFromCivil(year: bigint, month: number, day: number): bigint {
  const y = month <= 2 ? year - 1n : year
  const era = floorDivide(y, 400n)
  const yearOfEra = y - era * 400n
  const dayOfYear = BigInt(
    Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1,
  )
  const dayOfEra = yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear
  return era * DAYS_PER_ERA + dayOfEra - 719_468n
}

function civilFromDays(days: bigint): { year: bigint; month: number; day: number } {
  const z = days + 719_468n
  const era = floorDivide(z, DAYS_PER_ERA)
  const dayOfEra = Number(z - era * DAYS_PER_ERA)
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const year = BigInt(yearOfEra) + era * 400n + (month <= 2 ? 1n : 0n)
  return { year, month, day }
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}

export function daysInMonth(year: bigint, month: number): number {
  if (month === 2) return year % 4n === 0n && (year % 100n !== 0n || year % 400n === 0n) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** `2024-01-02T03:04:05` with as many digits of the fraction as the unit has, as numpy writes it. */
export function numpyTime(count: bigint, unit: TimeUnit): string {
  const { date, time, fraction } = parts(count, unit)
  return `${date}T${time}${fraction === '' ? '' : `.${fraction}`}`
}

/** `2024-01-02 03:04:05`, with a fraction of six or nine digits where there is one, as `str(Timestamp)` writes it. */
export function timestampText(count: bigint, unit: TimeUnit): string {
  const { date, time, fraction } = parts(count, unit)
  const digits = fraction.padEnd(9, '0')
  if (digits === '000000000') return `${date} ${time}`
  return `${date} ${time}.${digits.endsWith('000') ? digits.slice(0, 6) : digits}`
}

function parts(count: bigint, unit: TimeUnit): { date: string; time: string; fraction: string } {
  const seconds = floorDivide(count, PER_SECOND[unit])
  const days = floorDivide(seconds, SECONDS_PER_DAY)
  const rest = Number(seconds - days * SECONDS_PER_DAY)
  const { year, month, day } = civilFromDays(days)
  const sign = year < 0n ? '-' : ''
  const date = `${sign}${String(year < 0n ? -year : year).padStart(4, '0')}-${two(month)}-${two(day)}`
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`
  const fraction = String(count - seconds * PER_SECOND[unit])
  const digits = FRACTION_DIGITS[unit]
  return { date, time, fraction: digits === 0 ? '' : fraction.padStart(digits, '0') }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
