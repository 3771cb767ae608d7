import { type AnswerValue, isList, isObject, kindOf } from './answer-value.ts'
import { described, placeOf } from './compare-answers.ts'

/** How far a number may lie from another: `absolute + relative * |expected|`, as `numpy.isclose` has it. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

/**
 * The first place where an answer is not the expected one, in words; undefined where it is. An integer and a float are
 * compared as numbers, since JSON writers of other languages write `1` for `1.0`; two integers must be equal.
 */
export function mismatch(
  expected: AnswerValue,
  received: AnswerValue,
  tolerance: Tolerance,
  path = '',
): string | undefined {
  if (isList(expected) && isList(received) && expected.length === received.length) {
    return firstOf(expected, (value, i) =>
      mismatch(value, received[i] ?? null, tolerance, `${path}[${i}]`),
    )
  }
  if (isObject(expected) && isObject(received)) {
    return objectMismatch(expected, received, tolerance, path)
  }
  if (isFloatPair(expected, received)) {
    return numberMismatch(Number(expected), Number(received), tolerance, path)
  }
  if (isList(expected) || isObject(expected) || kindOf(expected) !== kindOf(received)) {
    return `${placeOf(path)}: expected ${described(expected)}, received ${described(received)}`
  }
  if (expected === received) return undefined
  return `${placeOf(path)}: expected ${shown(expected)}, received ${shown(received)}`
}

function objectMismatch(
  expected: ReadonlyMap<string, AnswerValue>,
  received: ReadonlyMap<string, AnswerValue>,
  tolerance: Tolerance,
  path: string,
): string | undefined {
  const more = [...received.keys()].find((name) => !expected.has(name))
  if (more !== undefined) return `${placeOf(path)}: expected no "${more}", received one`
  return firstOf([...expected], ([name, value]) => {
    const place = path === '' ? name : `${path}.${name}`
    const other = received.get(name)
    if (other === undefined) return `${placeOf(path)}: expected "${name}", received none`
    return mismatch(value, other, tolerance, place)
  })
}

function numberMismatch(
  expected: number,
  received: number,
  { absolute, relative }: Tolerance,
  path: string,
): string | undefined {
  if (Object.is(expected, received) || expected === received) return undefined
  const allowed = absolute + relative * Math.abs(expected)
  // Not for infinities, whose tolerance would be infinite too; never for NaN.
  if (Number.isFinite(allowed) && Math.abs(expected - received) <= allowed) return undefined
  return `${placeOf(path)}: expected ${expected} within ${allowed}, received ${received}`
}

/** Two numbers of which one is a float. */
function isFloatPair(a: AnswerValue, b: AnswerValue): boolean {
  const isNumber = (value: AnswerValue) => typeof value === 'number' || typeof value === 'bigint'
  return isNumber(a) && isNumber(b) && (typeof a === 'number' || typeof b === 'number')
}

function firstOf<T>(
  values: readonly T[],
  look: (value: T, index: number) => string | undefined,
): string | undefined {
  for (const [i, value] of values.entries()) {
    const found = look(value, i)
    if (found !== undefined) return found
  }
  return undefined
}

function shown(value: AnswerValue): string {
  return typeof value === 'string' ? `"${value.slice(0, 80)}"` : String(value)
}
