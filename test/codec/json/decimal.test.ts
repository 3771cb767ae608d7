import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearestDouble } from '../../../src/codec/json/decimal.ts'

function nearest(digits: string, scale: number): number {
  const low = digits.slice(15)
  return nearestDouble(Number(digits.slice(0, 15)), Number(low), low.length, scale)
}

describe('the double nearest to a decimal number', () => {
  const digits = fc.stringMatching(/^[0-9]{1,30}$/)
  const scale = fc.integer({ min: 0, max: 22 })

  it('is what Number(text) gives, or left undecided', () => {
    fc.assert(
      fc.property(digits, scale, (text, places) => {
        const value = nearest(text, places)
        if (!Number.isNaN(value)) expect(value).toBe(Number(`${text}e-${places}`))
      }),
      { numRuns: 20_000 },
    )
  })

  it('is decided for the 17 digits that identify a double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, min: 1e-4, max: 1e4 }), (value) => {
        const [text = '', power = ''] = value.toExponential(16).split('e')
        expect(nearest(text.replace('.', ''), 16 - Number(power))).toBe(value)
      }),
    )
  })

  it('is left undecided half-way between two doubles', () => {
    expect(nearest('9007199254740993', 0)).toBeNaN()
    expect(nearest('90071992547409930', 1)).toBeNaN()
    expect(nearest('90071992547409931', 1)).toBe(9007199254740994)
  })
})
