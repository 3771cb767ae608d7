import fc, { type Arbitrary } from 'fast-check'
import {
  booleanToken,
  type Care,
  floatToken,
  integerToken,
  type JsonText,
  listText,
  nonFiniteToken,
  nullToken,
  numberLikeToken,
  scalarToken,
  smallInteger,
  stringToken,
} from './json-text.ts'

/** Which tokens a tensor of this dtype is written with: one kind for all of its elements. */
export function tensorKind(dtype: string, care: Care): Arbitrary<Arbitrary<JsonText>> {
  if (care === 'careful') return fc.constant(usualKind(dtype))
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant(usualKind(dtype)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        smallInteger,
        integerToken,
        floatToken,
        booleanToken,
        stringToken,
        numberLikeToken,
        scalarToken,
        fc.oneof(smallInteger, floatToken),
        fc.oneof(floatToken, nonFiniteToken),
        fc.oneof(smallInteger, nullToken),
        fc.oneof(stringToken, nullToken),
      ),
    },
  )
}

function usualKind(dtype: string): Arbitrary<JsonText> {
  if (dtype.startsWith('float')) return floatToken
  if (dtype === 'bool') return booleanToken
  if (dtype === 'str' || dtype === 'object') return stringToken
  return dtype.startsWith('u') ? fc.nat({ max: 200 }).map(String) : smallInteger
}

/** Nested lists of this shape. */
export function tensorText(
  [size, ...rest]: readonly number[],
  element: Arbitrary<JsonText>,
): Arbitrary<JsonText> {
  if (size === undefined) return element
  return fc.array(tensorText(rest, element), { minLength: size, maxLength: size }).map(listText)
}

const freeSize = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 3 }) },
)

/** A shape that fits a signature's; now and then one that does not. */
function shapeLike(shape: readonly number[], care: Care): Arbitrary<readonly number[]> {
  const fitting = fc.tuple(...shape.map((n) => (n === -1 ? freeSize : fc.constant(n))))
  if (care === 'careful') return fitting
  return fc.oneof(
    { weight: 10, arbitrary: fitting },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }) },
    { weight: 1, arbitrary: fitting.map((sizes) => [...sizes, 1]) },
    { weight: 1, arbitrary: fitting.map((sizes) => sizes.slice(1)) },
  )
}

/** Nested lists for a tensor of a signature: now and then of another kind or shape, or ragged. */
export function tensorFor(
  dtype: string,
  shape: readonly number[],
  care: Care,
): Arbitrary<JsonText> {
  const regular = fc
    .tuple(shapeLike(shape, care), tensorKind(dtype, care))
    .chain(([sizes, kind]) => tensorText(sizes, kind))
  if (care === 'careful') return regular
  const ragged = fc.array(fc.oneof(regular, usualKind(dtype)), { maxLength: 3 }).map(listText)
  return fc.oneof({ weight: 12, arbitrary: regular }, { weight: 1, arbitrary: ragged })
}
