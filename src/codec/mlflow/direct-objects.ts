import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
} from '../json/characters.ts'
import type { NumberScanner } from '../json/number-scanner.ts'
import { type DirectPlan, flagOf, quoted } from './direct-plan.ts'

interface ObjectKey {
  readonly bytes: Uint8Array
  /** In the plan's fields; undefined for another name. */
  readonly place: number | undefined
  readonly offset: number
  /** Of one object's value: none for a scalar. */
  readonly shape: readonly number[]
}

export interface ScannedObjects {
  readonly keys: readonly ObjectKey[]
  readonly rows: number
  readonly stride: number
}

/** A list of objects that agree in their keys, the keys' order and the shapes of their values. */
export function scanObjects(scanner: NumberScanner, plan: DirectPlan): ScannedObjects | undefined {
  if (!scanner.take(OPEN_BRACKET)) return undefined
  const keys = scanFirstObject(scanner, plan)
  if (keys === undefined) return undefined
  const stride = scanner.count
  let rows = 1
  for (; scanner.take(COMMA); rows++) {
    if (!scanNextObject(scanner, plan, keys)) return undefined
  }
  return scanner.take(CLOSE_BRACKET) ? { keys, rows, stride } : undefined
}

function scanFirstObject(
  scanner: NumberScanner,
  plan: DirectPlan,
): readonly ObjectKey[] | undefined {
  const start = scanner.position
  const planned = plan.isNamed ? scanPlannedObject(scanner, plan) : undefined
  if (planned !== undefined) return planned
  scanner.position = start
  scanner.count = 0
  const keys: ObjectKey[] = []
  const names = new Set<string>()
  let mark = OPEN_BRACE
  while (scanner.take(mark)) {
    const name = scanner.string()
    if (name === undefined || names.has(name)) return undefined
    names.add(name)
    const place = plan.isNamed ? plan.places.get(name) : undefined
    if (!scanKeyed(scanner, plan, keys, quoted(name), place)) return undefined
    mark = COMMA
  }
  return keys.length > 0 && scanner.take(CLOSE_BRACE) ? keys : undefined
}

/** An object with exactly the plan's fields in their order: no string is made of a key. */
function scanPlannedObject(
  scanner: NumberScanner,
  plan: DirectPlan,
): readonly ObjectKey[] | undefined {
  const keys: ObjectKey[] = []
  let mark = OPEN_BRACE
  for (const bytes of plan.quoted) {
    if (!scanner.take(mark) || !scanner.takeName(bytes)) return undefined
    if (!scanKeyed(scanner, plan, keys, bytes, keys.length)) return undefined
    mark = COMMA
  }
  return scanner.take(CLOSE_BRACE) ? keys : undefined
}

function scanKeyed(
  scanner: NumberScanner,
  plan: DirectPlan,
  keys: ObjectKey[],
  bytes: Uint8Array,
  place: number | undefined,
): boolean {
  if (!scanner.take(COLON)) return false
  const offset = scanner.count
  const shape = scanValue(scanner, flagOf(plan, keys.length))
  if (shape === undefined) return false
  keys.push({ bytes, place, offset, shape })
  return true
}

function scanNextObject(
  scanner: NumberScanner,
  plan: DirectPlan,
  keys: readonly ObjectKey[],
): boolean {
  let mark = OPEN_BRACE
  for (let i = 0; i < keys.length; i++) {
    const { bytes, shape } = keys[i] as ObjectKey
    if (!scanner.take(mark) || !scanner.takeName(bytes) || !scanner.take(COLON)) return false
    const found = scanValue(scanner, flagOf(plan, i))
    if (found === undefined || (found !== shape && !isSameShape(found, shape))) return false
    mark = COMMA
  }
  return scanner.take(CLOSE_BRACE)
}

const SCALAR: readonly number[] = []

function scanValue(scanner: NumberScanner, flag: number): readonly number[] | undefined {
  if (scanner.peek() === OPEN_BRACKET) return scanner.array(flag)
  return scanner.numbers(1, flag, 0) === 1 ? SCALAR : undefined
}

function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i])
}
