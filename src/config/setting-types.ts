/** Reads one setting's text. Throws an Error whose message says what was expected. */
export type SettingParser<T> = (text: string) => T

const SECOND_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

export const text: SettingParser<string> = (value) => {
  if (value === '') throw new Error('expected some text')
  return value
}

/** Words separated by commas or white space. */
export const words: SettingParser<readonly string[]> = (value) =>
  value.split(/[\s,]+/).filter((word) => word !== '')

export function wholeNumber(from: number, to = Number.MAX_SAFE_INTEGER): SettingParser<number> {
  return (value) => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < from || number > to) {
      const range = to === Number.MAX_SAFE_INTEGER ? `from ${from} up` : `from ${from} to ${to}`
      throw new Error(`expected a whole number ${range}`)
    }
    return number
  }
}

/** A number such as `0.05`, `3` or `1e-4`. */
export function decimalNumber(from: number, to = Number.MAX_VALUE): SettingParser<number> {
  return (value) => {
    const number = /^[\d.]/.test(value) ? Number(value) : Number.NaN
    if (number >= from && number <= to) return number
    const range = to === Number.MAX_VALUE ? `from ${from} up` : `from ${from} to ${to}`
    throw new Error(`expected a number ${range}`)
  }
}

/** Milliseconds from `250ms`, `5s`, `2m`, `1h`; a bare number is seconds, as MLflow's variables have it. */
export function duration(fromMs = 0): SettingParser<number> {
  return (value) => {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(value)
    const ms = match ? Number(match[1]) * (SECOND_UNITS[match[2] ?? 's'] ?? Number.NaN) : Number.NaN
    // Node's timers fire at once beyond 2^31 - 1 ms.
    if (!(ms >= fromMs && ms < 2 ** 31)) {
      const least = fromMs > 0 ? ` of at least ${fromMs}ms` : ''
      throw new Error(
        `expected a duration${least} such as 250ms, 5s or 2m (a bare number is seconds)`,
      )
    }
    return ms
  }
}

/** Bytes from `1000`, `64KiB`, `10GB`. */
export const bytes: SettingParser<number> = (value) => {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?$/i.exec(value)
  const unit = BYTE_UNITS[(match?.[2] ?? 'b').toLowerCase()]
  if (match === null || unit === undefined) {
    throw new Error('expected a size such as 1048576, 64MiB or 10GB')
  }
  return Math.floor(Number(match[1]) * unit)
}

/** The spellings that MLflow's own variables take (mlflow/environment_variables.py). */
export const flag: SettingParser<boolean> = (value) => {
  const known: Readonly<Record<string, boolean>> = {
    true: true,
    '1': true,
    yes: true,
    on: true,
    false: false,
    '0': false,
    no: false,
    off: false,
  }
  const result = known[value.toLowerCase()]
  if (result === undefined) throw new Error('expected true or false')
  return result
}

export function oneOf<const T extends string>(...choices: readonly T[]): SettingParser<T> {
  return (value) => {
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw new Error(`expected one of ${choices.join(', ')}`)
    return found
  }
}

/** Some of these words, separated by commas or white space. */
export function someOf<const T extends string>(choices: readonly T[]): SettingParser<readonly T[]> {
  const one = oneOf(...choices)
  return (value) => words(value).map(one)
}

export const url: SettingParser<string> = (value) => {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new Error('expected an http:// or https:// URL')
  }
  return value
}
