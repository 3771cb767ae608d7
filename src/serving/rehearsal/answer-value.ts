/**
 * The value of an answer's JSON text, as the codec reads it: integers are bigints and floats numbers, NaN and Infinity
 * included, so that the kinds which clients see can be told apart.
 */
export type AnswerValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly AnswerValue[]
  | ReadonlyMap<string, AnswerValue>

/** What a client reads a value as. */
export type AnswerKind = 'null' | 'boolean' | 'integer' | 'float' | 'text' | 'list' | 'object'

export function isList(value: AnswerValue): value is readonly AnswerValue[] {
  return Array.isArray(value)
}

export function isObject(value: AnswerValue): value is ReadonlyMap<string, AnswerValue> {
  return value instanceof Map
}

export function kindOf(value: AnswerValue): AnswerKind {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return 'integer'
    case 'number':
      return 'float'
    case 'string':
      return 'text'
    default:
      return isList(value) ? 'list' : 'object'
  }
}

/** Values that hold no others. */
export function leafCount(value: AnswerValue): number {
  let inner: Iterable<AnswerValue>
  if (isList(value)) inner = value
  else if (isObject(value)) inner = value.values()
  else return 1
  let count = 0
  for (const item of inner) count += leafCount(item)
  return count
}
