import { shortestOf } from './float-digits.ts'
import { element, isList, item, type NdArray, type PyObject } from './python-object.ts'

/** How Python prints a single value. */
export interface ValueText {
  repr(value: PyObject): string
  text(value: PyObject): string
}

/** The text of the element at a flat position, padded so that all have one width. */
export type ElementFormat = (position: number) => string

const PRECISION = 8

/** The format that numpy chooses for the elements that are printed (numpy/_core/arrayprint.py, `_get_format_function`). */
export function elementFormat(
  array: NdArray,
  shown: readonly number[],
  { repr, text }: ValueText,
): ElementFormat {
  switch (array.dtype.kind) {
    case 'b':
      return (i) => (element(array, i) === true ? ' True' : 'False')
    case 'i':
    case 'u': {
      const width = Math.max(0, ...shown.map((i) => String(array.data[i]).length))
      return (i) => String(array.data[i]).padStart(width)
    }
    case 'f':
      return floatFormat(array, shown)
    case 'M': {
      const time = (i: number): string => `'${text(item(array, i))}'`
      const width = Math.max(0, ...shown.map((i) => time(i).length))
      return (i) => time(i).padStart(width)
    }
    default:
      return (i) => {
        const value = element(array, i)
        return isList(value) ? `list(${repr(value)})` : repr(value)
      }
  }
}

function floatFormat(array: NdArray, shown: readonly number[]): ElementFormat {
  const number = (i: number): number => Number(element(array, i))
  const all = shown.map(number)
  const finite = all.filter((value) => Number.isFinite(value))
  const names = all.filter((value) => !Number.isFinite(value)).map(floatName)
  const sizes = finite.filter((value) => value !== 0).map(Math.abs)
  const largest = Math.max(...sizes)
  const smallest = Math.min(...sizes)
  // 10 ** min(8, digits of the type), as numpy 2.3 and later choose.
  const cutoff = array.dtype.itemsize === 2 ? 1e3 : array.dtype.itemsize === 4 ? 1e6 : 1e8
  const scientific =
    sizes.length > 0 && (largest >= cutoff || smallest < 1e-4 || largest / smallest > 1000)
  const digits = (value: number): string => {
    const short = shortestOf(value, array.dtype)
    return scientific ? scientificDigits(value, short) : positionalDigits(value, short)
  }
  const layout = floatLayout(finite.map(digits), names)
  return (i) => {
    const value = number(i)
    return Number.isFinite(value) ? layout.pad(digits(value)) : layout.padName(floatName(value))
  }
}

/** `1.` or `1.5`: a point always, at most eight digits behind it. */
function positionalDigits(value: number, short: number): string {
  const shortest = plainDecimal(short)
  const fraction = shortest.split('.')[1] ?? ''
  const text = fraction.length <= PRECISION ? shortest : value.toFixed(PRECISION).replace(/0+$/, '')
  const sign = Object.is(value, -0) ? '-' : ''
  return sign + (text.includes('.') ? text : `${text}.`)
}

function plainDecimal(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(20).replace(/0+$/, '') : text
}

function scientificDigits(value: number, short: number): string {
  if (Object.is(value, -0)) return '-0.e+00'
  const [mantissa = '', exponent = ''] = short.toExponential().split('e')
  const fraction = mantissa.split('.')[1] ?? ''
  if (fraction.length <= PRECISION) return scientificText(mantissa, exponent)
  const [cut = '', cutExponent = ''] = value.toExponential(PRECISION).split('e')
  return scientificText(cut.replace(/0+$/, ''), cutExponent)
}

function scientificText(mantissa: string, exponent: string): string {
  const point = mantissa.includes('.') ? mantissa : `${mantissa}.`
  return `${point}e${exponent.charAt(0)}${exponent.slice(1).padStart(2, '0')}`
}

interface FloatLayout {
  pad(digits: string): string
  padName(name: string): string
}

function floatName(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  return value > 0 ? 'inf' : '-inf'
}

/** Points under points: widths before and behind them, the same exponent width for all. */
function floatLayout(texts: readonly string[], names: readonly string[]): FloatLayout {
  let left = 0
  let right = 0
  let exponentWidth = 0
  for (const text of texts) {
    const { whole, fraction, exponent } = split(text)
    left = Math.max(left, whole.length)
    right = Math.max(right, fraction.length)
    exponentWidth = Math.max(exponentWidth, exponent.length)
  }
  const tail = right + (exponentWidth === 0 ? 0 : exponentWidth + 1)
  left = Math.max(left, ...names.map((name) => name.length - tail - 1))
  return {
    pad(text) {
      const { whole, fraction, exponent } = split(text)
      if (exponentWidth === 0) return `${whole.padStart(left)}.${fraction.padEnd(right)}`
      const power = exponent.charAt(0) + exponent.slice(1).padStart(exponentWidth - 1, '0')
      return `${whole.padStart(left)}.${fraction.padEnd(right, '0')}e${power}`
    },
    padName: (name) => name.padStart(left + tail + 1),
  }
}

function split(text: string): { whole: string; fraction: string; exponent: string } {
  const [number = '', exponent = ''] = text.split('e')
  const [whole = '', fraction = ''] = number.split('.')
  return { whole, fraction, exponent }
}
