/** Below, or from this size up, Python writes a float with an exponent. */
const LEAST_PLAIN = 1e-4
const LEAST_LARGE = 1e16

/**
 * A finite double as Python's `repr(float)` writes it: `1.0`, `0.1`, `1e-05`, `1e+16`, `-0.0`. JavaScript finds the same
 * shortest digits; only the notation differs.
 */
export function floatText(value: number): string {
  const size = value < 0 ? -value : value
  if (size >= LEAST_PLAIN && size < LEAST_LARGE) {
    return value === Math.trunc(value) ? `${value}.0` : `${value}`
  }
  if (size === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  return withTwoDigitExponent(value.toExponential())
}

/** Any double as Python's `repr(float)` writes it; what is not finite is `nan`, `inf`, `-inf`. */
export function floatRepr(value: number): string {
  if (Number.isFinite(value)) return floatText(value)
  if (Number.isNaN(value)) return 'nan'
  return value > 0 ? 'inf' : '-inf'
}

/** Any double as Python's `json.dump` writes it; what is not finite is `NaN`, `Infinity`, `-Infinity`: no JSON. */
export function floatJson(value: number): string {
  return Number.isFinite(value) ? floatText(value) : `${value}`
}

function withTwoDigitExponent(text: string): string {
  const digits = text.length - text.lastIndexOf('e') - 2
  return digits > 1 ? text : `${text.slice(0, -1)}0${text.slice(-1)}`
}
