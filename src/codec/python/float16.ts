/** The nearest half precision number, ties to even, as its 16 bits. */
export function numberToFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size >= 65520) return sign | 0x7c00
  if (size < 2 ** -14) return sign | roundHalfEven(size * 2 ** 24)
  const exponent = Math.floor(Math.log2(size))
  // log2 may round up at the top of a binade.
  const power = 2 ** exponent > size ? exponent - 1 : exponent
  const steps = roundHalfEven((size / 2 ** power) * 1024)
  return sign | (((power + 15) << 10) + (steps - 1024))
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
