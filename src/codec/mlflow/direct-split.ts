import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
} from '../json/characters.ts'
import type { NumberScanner } from '../json/number-scanner.ts'
import { bindsByName, type DirectPlan, framePlaces, quoted } from './direct-plan.ts'
import type { ScannedBody } from './direct-scanned.ts'

const SPLIT_DATA = quoted('data')
const SPLIT_COLUMNS = quoted('columns')
const SPLIT_INDEX = quoted('index')

interface SplitParts {
  places: readonly number[] | undefined
  rowLabels: number | undefined
  shape: readonly number[] | undefined
}

/** `{"columns": ["a", "b"], "index": [0, 1], "data": [[...], [...]]}`, in any order, the first two optional. */
export function scanSplit(scanner: NumberScanner, plan: DirectPlan): ScannedBody | undefined {
  const parts: SplitParts = { places: undefined, rowLabels: undefined, shape: undefined }
  let mark = OPEN_BRACE
  while (scanner.take(mark)) {
    if (!scanSplitPart(scanner, plan, parts)) return undefined
    mark = COMMA
  }
  const { places, rowLabels, shape } = parts
  if (!scanner.take(CLOSE_BRACE) || shape?.length !== 2) return undefined
  const [rows = 0, width = 0] = shape
  if (places === undefined && bindsByName(plan)) return undefined
  if ((places?.length ?? width) !== width || (rowLabels ?? rows) !== rows) return undefined
  return { form: 'frame', rows, width, places: places ?? plan.order }
}

/** One key and its value, into `parts`; false for another key, a key met before, or an unusual value. */
function scanSplitPart(scanner: NumberScanner, plan: DirectPlan, parts: SplitParts): boolean {
  if (parts.shape === undefined && scanner.takeName(SPLIT_DATA)) {
    const step = plan.fields.length > 1 ? 1 : 0
    parts.shape = scanner.take(COLON) ? scanner.array(0, step) : undefined
    return parts.shape !== undefined
  }
  if (parts.places === undefined && scanner.takeName(SPLIT_COLUMNS)) {
    parts.places = scanner.take(COLON) ? scanColumns(scanner, plan) : undefined
    return parts.places !== undefined
  }
  if (parts.rowLabels === undefined && scanner.takeName(SPLIT_INDEX)) {
    parts.rowLabels = scanner.take(COLON) ? scanIndex(scanner, plan) : undefined
    return parts.rowLabels !== undefined
  }
  return false
}

function scanColumns(scanner: NumberScanner, plan: DirectPlan): readonly number[] | undefined {
  const start = scanner.position
  if (bindsByName(plan) && scanPlannedColumns(scanner, plan)) return plan.order
  scanner.position = start
  const names = new Set<string>()
  let mark = OPEN_BRACKET
  while (scanner.take(mark)) {
    const name = scanner.string()
    if (name === undefined || names.has(name)) return undefined
    names.add(name)
    mark = COMMA
  }
  if (names.size === 0 || !scanner.take(CLOSE_BRACKET)) return undefined
  return framePlaces(
    plan,
    [...names].map((name) => plan.places.get(name)),
  )
}

/** The fields' names in their order: compared byte by byte, without making a string of each. */
function scanPlannedColumns(scanner: NumberScanner, plan: DirectPlan): boolean {
  let mark = OPEN_BRACKET
  for (const name of plan.quoted) {
    if (!scanner.take(mark) || !scanner.takeName(name)) return false
    mark = COMMA
  }
  return scanner.take(CLOSE_BRACKET)
}

/** Row labels that are integers: nothing depends on them but their number. */
function scanIndex(scanner: NumberScanner, plan: DirectPlan): number | undefined {
  const start = scanner.count
  const spareFlag = plan.fields.length
  const shape = scanner.array(spareFlag)
  scanner.count = start
  return shape?.length === 1 && scanner.isFloat[spareFlag] === 0 ? shape[0] : undefined
}
