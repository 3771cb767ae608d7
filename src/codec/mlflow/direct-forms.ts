import { CLOSE_BRACE, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET } from '../json/characters.ts'
import type { NumberScanner } from '../json/number-scanner.ts'
import { scanObjects } from './direct-objects.ts'
import { type DirectPlan, flagOf, framePlaces, quoted } from './direct-plan.ts'
import type { ScannedBody, ScannedField } from './direct-scanned.ts'
import { scanSplit } from './direct-split.ts'

const FORMS = [
  { name: quoted('inputs'), scan: scanInputs },
  { name: quoted('dataframe_split'), scan: scanSplit },
  { name: quoted('instances'), scan: scanInstances },
  { name: quoted('dataframe_records'), scan: scanRecords },
] as const

/** Reads an object with exactly one key, one of the four forms, from a scanner that stands at its beginning. */
export function scanBody(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  if (!scanner.take(OPEN_BRACE)) return undefined
  for (const form of FORMS) {
    if (!scanner.takeName(form.name)) continue
    const body = scanner.take(COLON) ? form.scan(scanner, plan) : undefined
    return scanner.take(CLOSE_BRACE) && scanner.atEnd ? body : undefined
  }
  return undefined
}

function scanInputs(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  return scanner.peek() === OPEN_BRACE ? scanArrays(scanner, plan) : scanList(scanner)
}

function scanList(scanner: NumberScanner): ScannedBody | undefined {
  const shape = scanner.array(0)
  return shape && { form: 'list', shape }
}

/** `{"a": [...], "b": [...]}` */
function scanArrays(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  const fields: ScannedField[] = []
  scanner.take(OPEN_BRACE)
  do {
    const name = scanner.string()
    const place = plan.isNamed && name !== undefined ? plan.places.get(name) : undefined
    if (place === undefined || !scanner.take(COLON)) return undefined
    const offset = scanner.count
    const shape = scanner.array(place)
    if (shape === undefined || fields.some((field) => field.place === place)) return undefined
    const stride = (scanner.count - offset) / (shape[0] as number)
    fields.push({ place, shape, offset, stride, hasFloat: scanner.isFloat[place] === 1 })
  } while (scanner.take(COMMA))
  return scanner.take(CLOSE_BRACE) ? { form: 'arrays', fields } : undefined
}

function scanInstances(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  const start = scanner.position
  const isListOfObjects = scanner.take(OPEN_BRACKET) && scanner.peek() === OPEN_BRACE
  scanner.position = start
  if (!isListOfObjects) return scanList(scanner)
  const objects = scanObjects(scanner, plan)
  if (objects === undefined || objects.keys.some((key) => key.place === undefined)) return undefined
  const { keys, rows, stride } = objects
  const fields = keys.map((key, position) => ({
    place: key.place as number,
    shape: [rows, ...key.shape],
    offset: key.offset,
    stride,
    hasFloat: scanner.isFloat[flagOf(plan, position)] === 1,
  }))
  return { form: 'arrays', fields }
}

function scanRecords(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  const objects = scanObjects(scanner, plan)
  if (objects === undefined || objects.keys.some((key) => key.shape.length > 0)) return undefined
  const { keys, rows, stride } = objects
  const places = framePlaces(
    plan,
    keys.map((key) => key.place),
  )
  return places && { form: 'frame', rows, width: stride, places }
}
