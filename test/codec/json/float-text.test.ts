import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { floatJson, floatRepr, floatText } from '../../../src/codec/json/float-text.ts'
import { float16ToNumber } from '../../../src/model/float16.ts'
import { jsonTexts } from './json-texts.ts'

const doubleOf = (bits: string) => Buffer.from(bits, 'hex').readDoubleBE(0)

describe('the text of a float', () => {
  it.each(jsonTexts.floats)('%s is %s', (bits, repr, json) => {
    expect(floatRepr(doubleOf(bits))).toBe(repr)
    expect(floatJson(doubleOf(bits))).toBe(json)
  })

  it('reads back as the same double, and always shows that it is a float', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = floatText(value)
        expect(Number(text)).toBe(value)
        expect(text).toMatch(/[.e]/)
      }),
    )
  })
})

describe('a half precision number', () => {
  it.each(jsonTexts.halves)('%i is %s', (bits, json) => {
    expect(floatJson(float16ToNumber(bits))).toBe(json)
  })

  it('is NaN for every such pattern', () => {
    expect(float16ToNumber(0x7e00)).toBeNaN()
    expect(float16ToNumber(0xfc01)).toBeNaN()
  })
})
