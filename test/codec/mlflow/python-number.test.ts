import { describe, expect, it } from 'vitest'
import { PythonError } from '../../../src/codec/python/python-error.ts'
import { parseFloatText, parseInteger } from '../../../src/codec/python/python-number.ts'

describe('a number in a string', () => {
  it.each([
    [' 7 ', 7],
    ['1_000.5', 1000.5],
    ['1.', 1],
    ['.5', 0.5],
    ['1.e3', 1000],
    ['\t-1e-5\n', -1e-5],
    ['\u00a0٣\u2003', 3],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['nan', Number.NaN],
  ])('%j is the float %d', (text, value) => {
    expect(parseFloatText(text)).toBe(value)
  })

  it.each(['', '.', '1..', '1_', '_1', '1__0', '1e', '1 2', '\ufeff1', '0x1'])(
    '%j is no float',
    (text) => {
      expect(() => parseFloatText(text)).toThrow(PythonError)
    },
  )

  it.each([
    [' +7 ', 7n],
    ['1_000', 1000n],
    ['-0', 0n],
    ['٣', 3n],
  ])('%j is the int %d', (text, value) => {
    expect(parseInteger(text)).toBe(value)
  })

  it.each([
    `${'1'.repeat(200_000)}x`,
    `${' '.repeat(200_000)}x`,
    `1${' '.repeat(200_000)}x`,
    `${'\u00a0'.repeat(200_000)}x`,
    '1_'.repeat(100_000),
    '1'.repeat(200_000),
  ])('that is very long is refused, or read, at once', (text) => {
    expect(() => parseInteger(text)).toThrow(PythonError)
    if (/[x_]$/.test(text)) expect(() => parseFloatText(text)).toThrow(PythonError)
    else expect(parseFloatText(text)).toBe(Number.POSITIVE_INFINITY)
  })
})
