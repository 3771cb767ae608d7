import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mismatch } from '../../../src/serving/rehearsal/mismatch.ts'
import { answer, answers, floatsOf, mapFloats } from './answers.ts'

const EXACT = { absolute: 0, relative: 0 }

describe('an answer is not the expected one', () => {
  it.each([
    ['[1.0]', '[1.2]', '"[0]": expected 1 within 0.1, received 1.2'],
    ['[1.0]', '[NaN]', '"[0]": expected 1 within 0.1, received NaN'],
    ['[Infinity]', '[-Infinity]', 'expected Infinity'],
    ['[10]', '[11]', '"[0]": expected 10, received 11'],
    ['["cat"]', '["dog"]', '"[0]": expected "cat", received "dog"'],
    ['[1.0]', '[1.0, 2.0]', 'the answer: expected a list of 1, received a list of 2'],
    ['[[1.0]]', '[1.0]', '"[0]": expected a list of 1, received a value of kind float'],
    ['{"y": 1.0}', '{"z": 1.0}', 'the answer: expected no "z", received one'],
    ['{"y": {"a": 1}}', '{"y": {}}', '"y": expected "a", received none'],
    ['["1"]', '[1]', '"[0]": expected a value of kind text, received a value of kind integer'],
  ])('%s, received %s', (expected, received, text) => {
    const found = mismatch(answer(expected), answer(received), { absolute: 0.1, relative: 0 })
    expect(found).toContain(text)
  })
})

describe('an answer is the expected one', () => {
  it.each([
    ['within the absolute tolerance', '[0.0]', '[0.05]'],
    ['within the relative one', '[1000.0]', '[1009.0]'],
    ['an integer for a float, as other JSON writers have it', '[1]', '[1.0]'],
    ['NaN for NaN', '[NaN]', '[NaN]'],
    ['Infinity for Infinity', '[Infinity]', '[Infinity]'],
    ['zero of either sign', '[0.0]', '[-0.0]'],
  ])('%s', (_, expected, received) => {
    const tolerance = { absolute: 0.1, relative: 0.01 }
    expect(mismatch(answer(expected), answer(received), tolerance)).toBeUndefined()
  })

  it('when it is the same, to the last bit', () => {
    fc.assert(
      fc.property(answers, (value) => {
        expect(mismatch(value, value, EXACT)).toBeUndefined()
      }),
    )
  })

  it('exactly when no float was moved beyond the tolerance', () => {
    const floats = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(floats, fc.double({ min: -2, max: 2, noNaN: true }), (value, step) => {
        const moved = mapFloats(value, (float) => float + step)
        const beyond = floatsOf(value).some((float) => Math.abs(float - (float + step)) > 1)
        const found = mismatch(value, moved, { absolute: 1, relative: 0 })
        expect(found !== undefined).toBe(beyond)
      }),
    )
  })
})
