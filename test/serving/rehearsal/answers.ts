import fc from 'fast-check'
import { readJson } from '../../../src/codec/json/reader.ts'
import { type AnswerValue, isList, isObject } from '../../../src/serving/rehearsal/answer-value.ts'

/** Reads an answer as gates do: `1` is an integer and `1.0` a float. */
export function answer(json: string): AnswerValue {
  return readJson(new TextEncoder().encode(json), { maxDepth: 100 })
}

/** Any answer. */
export const answers: fc.Arbitrary<AnswerValue> = fc.letrec<{ value: AnswerValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.double(),
    fc.bigInt(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.string(), tie('value')), { maxLength: 4 })
      .map((entries) => new Map(entries)),
  ),
})).value

/** The answer with every finite float changed. */
export function mapFloats(value: AnswerValue, change: (float: number) => number): AnswerValue {
  if (typeof value === 'number') return Number.isFinite(value) ? change(value) : value
  if (isList(value)) return value.map((item) => mapFloats(item, change))
  if (isObject(value)) return new Map([...value].map(([name, v]) => [name, mapFloats(v, change)]))
  return value
}

/** Every finite float of an answer. */
export function floatsOf(value: AnswerValue): number[] {
  const floats: number[] = []
  mapFloats(value, (float) => {
    floats.push(float)
    return float
  })
  return floats
}
