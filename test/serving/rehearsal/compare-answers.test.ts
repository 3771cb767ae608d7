import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareAnswers } from '../../../src/serving/rehearsal/compare-answers.ts'
import { answer, answers, floatsOf, mapFloats } from './answers.ts'

const compare = (before: string, after: string) => compareAnswers(answer(before), answer(after))

describe('two answers to the same request', () => {
  it('differ in their floats by so much, at most and together', () => {
    expect(
      compare(
        '{"predictions": [[1.0, 2.0], [3.0, 4.0]]}',
        '{"predictions": [[1.5, 2.0], [3.0, 4.25]]}',
      ),
    ).toMatchObject({ numbers: 4, largest: 0.5, sum: 0.75, shape: undefined, kind: undefined })
  })

  it('have another largest number in so many rows (arg-max)', () => {
    expect(
      compare('{"y": [[0.1, 0.9], [0.8, 0.2]]}', '{"y": [[0.6, 0.4], [0.7, 0.3]]}'),
    ).toMatchObject({ decisions: 2, changed: 1 })
    expect(
      compare('[{"0": 0.1, "1": 0.9}]', '[{"0": 0.9, "1": 0.1}]'),
      'a record of several floats is a row, too',
    ).toMatchObject({ decisions: 1, changed: 1 })
    expect(
      compare('{"y": [1.0, 2.0]}', '{"y": [2.0, 1.0]}'),
      'a list of one float for each row is no row',
    ).toMatchObject({ decisions: 0 })
  })

  it('have other labels', () => {
    expect(compare('["cat", 1, true]', '["dog", 1, false]')).toMatchObject({
      decisions: 3,
      changed: 2,
      numbers: 0,
    })
  })

  it.each([
    [
      'another length',
      '{"y": [1.0, 2.0]}',
      '{"y": [1.0]}',
      '"y" is a list of 1, and was a list of 2',
    ],
    [
      'another nesting',
      '{"y": [1.0]}',
      '{"y": [[1.0]]}',
      '"y[0]" is a list of 1, and was a value of kind float',
    ],
    [
      'a list for an object',
      '{"y": [1.0]}',
      '[1.0]',
      'the answer is a list of 1, and was an object',
    ],
    ['a name less', '[{"a": 1.0, "b": 2.0}]', '[{"a": 1.0}]', '"[0].b" is gone'],
  ])('are of another shape: %s', (_, before, after, shape) => {
    expect(compare(before, after).shape).toBe(shape)
  })

  it('may have a name more, which disturbs nobody', () => {
    const difference = compare('{"a": [1.0]}', '{"a": [1.0], "b": [2.0]}')
    expect(difference).toMatchObject({ shape: undefined, added: 'b', numbers: 1 })
  })

  it.each([
    ['[1]', '[1.0]', '"[0]" is of kind float, and was integer'],
    ['["1"]', '[1]', '"[0]" is of kind integer, and was text'],
    ['[true]', '[1]', '"[0]" is of kind integer, and was boolean'],
    ['[1.0]', '[null]', '"[0]" is of kind null, and was float'],
  ])('are of another kind: %s and %s', (before, after, kind) => {
    expect(compare(before, after).kind).toBe(kind)
  })

  it('count what is not finite any more, and not what never was', () => {
    expect(compare('[1.0, NaN, 2.0]', '[NaN, NaN, Infinity]')).toMatchObject({
      nonFinite: 2,
      numbers: 0,
      largest: 0,
    })
  })

  it('do not differ from themselves', () => {
    fc.assert(
      fc.property(answers, (value) => {
        expect(compareAnswers(value, value)).toMatchObject({
          shape: undefined,
          kind: undefined,
          added: undefined,
          nonFinite: 0,
          largest: 0,
          sum: 0,
          changed: 0,
        })
      }),
    )
  })

  it('differ by exactly what every float was moved by', () => {
    fc.assert(
      fc.property(answers, fc.double({ min: -10, max: 10, noNaN: true }), (value, step) => {
        const moved = mapFloats(value, (float) => float + step)
        const floats = floatsOf(value)
        const differences = floats.map((float) => Math.abs(float + step - float))
        const { numbers, largest, nonFinite, shape, kind } = compareAnswers(value, moved)
        expect({ numbers, nonFinite, shape, kind }).toEqual({
          numbers: floats.length,
          nonFinite: 0,
          shape: undefined,
          kind: undefined,
        })
        expect(largest).toBe(Math.max(0, ...differences))
      }),
    )
  })

  it('count every finite float that became NaN', () => {
    fc.assert(
      fc.property(answers, (value) => {
        const broken = mapFloats(value, () => Number.NaN)
        expect(compareAnswers(value, broken).nonFinite).toBe(floatsOf(value).length)
      }),
    )
  })
})
