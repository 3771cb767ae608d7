import fc, { type Arbitrary } from 'fast-check'
import {
  anyToken,
  booleanToken,
  type Care,
  dateLikeToken,
  dateTokens,
  floatToken,
  int32Token,
  int64Token,
  integerToken,
  type JsonText,
  listText,
  nonFiniteToken,
  nullToken,
  numberLikeToken,
  objectText,
  scalarToken,
  smallInteger,
  stringToken,
  validBase64Token,
} from './json-text.ts'
import type { ColumnType, ScalarName } from './model-spec.ts'

const GOOD: Readonly<Record<ScalarName | 'any', Arbitrary<JsonText>>> = {
  boolean: booleanToken,
  integer: int32Token,
  long: int64Token,
  float: floatToken,
  double: floatToken,
  string: stringToken,
  binary: validBase64Token,
  datetime: fc.oneof(...dateTokens),
  any: anyToken,
}

/** A value of this type as a careful client would write it. */
export function goodCell(type: ColumnType): Arbitrary<JsonText> {
  if (type.type === 'array') return fc.array(goodCell(type.items), { maxLength: 3 }).map(listText)
  if (type.type === 'map') {
    const entry = fc.tuple(fc.constantFrom('k', 'l', 'é'), goodCell(type.values))
    return fc.uniqueArray(entry, { maxLength: 2, selector: ([key]) => key }).map(objectText)
  }
  if (type.type === 'object') {
    const entries = Object.entries(type.properties).map(([key, property]) => {
      const entry = goodCell(property).map((value): [string, JsonText][] => [[key, value]])
      return property.required ? entry : fc.oneof(entry, fc.constant<[string, JsonText][]>([]))
    })
    return fc.tuple(...entries).map((parts) => objectText(parts.flat()))
  }
  return GOOD[type.type]
}

/** A value that may fit after a cast, or not at all: another scalar, or the same structure with something else in it. */
export function oddCell(type: ColumnType): Arbitrary<JsonText> {
  const flat = fc.oneof({ weight: 3, arbitrary: scalarToken }, { weight: 1, arbitrary: anyToken })
  if (type.type === 'array') {
    const { items } = type
    const list = fc.array(fc.oneof(goodCell(items), oddCell(items)), { maxLength: 4 }).map(listText)
    return fc.oneof({ weight: 3, arbitrary: list }, { weight: 1, arbitrary: flat })
  }
  if (type.type === 'map' || type.type === 'object') {
    const inner = type.type === 'map' ? [type.values] : Object.values(type.properties)
    const keys = type.type === 'map' ? ['k', 'l'] : [...Object.keys(type.properties), 'zz']
    const value = fc.oneof(...inner.flatMap((it) => [goodCell(it), oddCell(it)]))
    const entries = fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 4 })
    return fc.oneof(
      { weight: 3, arbitrary: entries.map(objectText) },
      { weight: 1, arbitrary: flat },
    )
  }
  return flat
}

/** One kind of token for a whole column: what a client has that sends another type than the signature says. */
const otherKind: Arbitrary<Arbitrary<JsonText>> = fc.constantFrom(
  integerToken,
  smallInteger,
  floatToken,
  booleanToken,
  stringToken,
  numberLikeToken,
  dateLikeToken,
  fc.constantFrom('0', '1'),
  fc.oneof(integerToken, floatToken),
  fc.oneof(floatToken, nonFiniteToken),
)

/** The values of a column, `count` of them: of its type, of its type and null, of one other kind, or of any. */
export function columnCells(
  type: ColumnType,
  count: number,
  care: Care,
): Arbitrary<readonly JsonText[]> {
  const times = (cell: Arbitrary<JsonText>) =>
    fc.array(cell, { minLength: count, maxLength: count })
  const good = goodCell(type)
  const alike = type.type === 'datetime' ? fc.oneof(...dateTokens.map(times)) : times(good)
  if (care === 'careful') {
    if (!['float', 'double', 'string', 'datetime', 'any'].includes(type.type)) return alike
    const some = times(fc.oneof({ weight: 3, arbitrary: good }, nullToken))
    return fc.oneof({ weight: 9, arbitrary: alike }, { weight: 1, arbitrary: some })
  }
  return fc.oneof(
    { weight: 6, arbitrary: alike },
    { weight: 2, arbitrary: times(fc.oneof({ weight: 2, arbitrary: good }, nullToken)) },
    { weight: 3, arbitrary: otherKind.chain(times) },
    { weight: 1, arbitrary: otherKind.chain((kind) => times(fc.oneof(kind, nullToken))) },
    { weight: 1, arbitrary: times(fc.oneof(good, oddCell(type))) },
    { weight: 1, arbitrary: times(oddCell(type)) },
  )
}
