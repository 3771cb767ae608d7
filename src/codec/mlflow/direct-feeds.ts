import type { NamedTensors, Tensor, TensorSpec } from '../../model/tensor.ts'
import type { NumberScanner } from '../json/number-scanner.ts'
import {
  convertNumbers,
  isIntegerType,
  joinColumns,
  type MatrixColumn,
  type NumberRows,
} from './direct-convert.ts'
import type { DirectPlan, NumberType } from './direct-plan.ts'
import type { ScannedBody, ScannedField } from './direct-scanned.ts'

type Frame = Extract<ScannedBody, { form: 'frame' }>

/** The feeds of a body that was scanned, or undefined where MLflow's rules are not those of the direct path. */
export function buildFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  body: ScannedBody,
): NamedTensors | undefined {
  switch (body.form) {
    case 'list':
      return listFeeds(plan, scanner, body.shape)
    case 'arrays':
      return arrayFeeds(plan, scanner, body.fields)
    case 'frame':
      return frameFeeds(plan, scanner, body)
  }
}

/** One list is bound to the only input, named or not. */
function listFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  shape: readonly number[],
): NamedTensors | undefined {
  const field = plan.fields[0]
  const isOnly =
    plan.fields.length === 1 && (field?.name ?? plan.inputs[0]?.name) === plan.inputs[0]?.name
  if (field === undefined || !isOnly || plan.kind === 'columns') return undefined
  return fitsSpec(shape, field.shape) ? denseFeed(plan, scanner, field.dtype, shape) : undefined
}

function arrayFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  fields: readonly ScannedField[],
): NamedTensors | undefined {
  if (!plan.isNamed || fields.length !== plan.fields.length) return undefined
  if (plan.kind !== 'columns') {
    return namedFeeds(plan, scanner, fields)
  }
  const rows = fields[0]?.shape[0]
  const isFrame = fields.every((one) => one.shape.length === 1 && one.shape[0] === rows)
  return isFrame ? columnFeeds(plan, scanner, fields) : undefined
}

function frameFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  frame: Frame,
): NamedTensors | undefined {
  const { rows, width, places } = frame
  const isOneInput = plan.inputs.length === 1
  if (plan.kind === 'tensors' && !plan.isNamed) return frameAsTensor(plan, scanner, frame)
  if (plan.kind === 'none' && isOneInput) {
    return denseFeed(plan, scanner, undefined, [rows, width])
  }
  if (width !== plan.fields.length) return undefined
  if (isOneInput && plan.kind === 'columns' && isUniform(plan) && places === plan.order) {
    return denseFeed(plan, scanner, plan.fields[0]?.dtype, [rows, width])
  }
  const fields = places.map((place, position) => ({
    place,
    shape: [rows],
    offset: position,
    stride: width,
    hasFloat: scanner.isFloat[position] === 1,
  }))
  if (plan.kind === 'columns') return columnFeeds(plan, scanner, fields)
  return plan.kind === 'none'
    ? namedFeeds(plan, scanner, fields)
    : columnTensors(plan, scanner, fields)
}

/** A frame for a single unnamed tensor: k columns for (-1, k), one for (-1) too. */
function frameAsTensor(
  plan: DirectPlan,
  scanner: NumberScanner,
  { rows, width }: Frame,
): NamedTensors | undefined {
  const [field] = plan.fields
  const shape = field?.shape?.length === 1 && width === 1 ? [rows] : [rows, width]
  if (field?.shape?.[0] !== -1 || field.shape[1] === -1 || !fitsSpec(shape, field.shape))
    return undefined
  return denseFeed(plan, scanner, field.dtype, shape)
}

/** Named tensors out of a frame: one column of scalars each, for (-1) or (-1, 1). */
function columnTensors(
  plan: DirectPlan,
  scanner: NumberScanner,
  fields: readonly ScannedField[],
): NamedTensors | undefined {
  const shaped: ScannedField[] = []
  for (const field of fields) {
    const [first, second, ...more] = plan.fields[field.place]?.shape ?? []
    if (first !== -1 || (second ?? 1) !== 1 || more.length > 0) return undefined
    shaped.push(second === 1 ? { ...field, shape: [...field.shape, 1] } : field)
  }
  return namedFeeds(plan, scanner, shaped)
}

/** Everything that was scanned, in its order, as the only input. */
function denseFeed(
  plan: DirectPlan,
  scanner: NumberScanner,
  declared: NumberType | undefined,
  shape: readonly number[],
): NamedTensors | undefined {
  const [input] = plan.inputs
  if (input === undefined || plan.inputs.length > 1) return undefined
  const hasFloat = scanner.isFloat.indexOf(1) in plan.fields
  const rows = shape[0] as number
  const width = scanner.count / rows
  const numbers = { values: scanner.values, offset: 0, stride: width, rows, width }
  const tensor = tensorOf(input, elementType(declared, hasFloat), shape, numbers)
  return tensor && { [input.name]: tensor }
}

/** Each field as the input of its name. */
function namedFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  fields: readonly ScannedField[],
): NamedTensors | undefined {
  const feeds: Record<string, Tensor> = {}
  if (plan.inputs.length !== plan.fields.length) return undefined
  for (const input of plan.inputs) {
    const place = plan.places.get(input.name)
    const field = fields.find((one) => one.place === place)
    const spec = place === undefined ? undefined : plan.fields[place]
    if (field === undefined || spec === undefined || !fitsSpec(field.shape, spec.shape))
      return undefined
    const { shape, offset, stride } = field
    const rows = shape[0] as number
    const width = shape.reduce((size, dimension) => size * dimension, 1) / rows
    const numbers = { values: scanner.values, offset, stride, rows, width }
    const tensor = tensorOf(input, elementType(spec.dtype, field.hasFloat), shape, numbers)
    if (tensor === undefined) return undefined
    feeds[input.name] = tensor
  }
  return feeds
}

/** Columns of a column signature: side by side for a model of one input, else each for the input of its name. */
function columnFeeds(
  plan: DirectPlan,
  scanner: NumberScanner,
  fields: readonly ScannedField[],
): NamedTensors | undefined {
  const [input] = plan.inputs
  if (plan.inputs.length > 1) return namedFeeds(plan, scanner, fields)
  const ordered = [...fields].sort((a, b) => a.place - b.place)
  const columns: MatrixColumn[] = []
  for (const { place, offset, stride, hasFloat } of ordered) {
    const dtype = elementType(plan.fields[place]?.dtype, hasFloat)
    if (dtype === undefined) return undefined
    columns.push({ offset, stride, dtype })
  }
  const rows = fields[0]?.shape[0] as number
  const width = columns.length
  const values = joinColumns(scanner.values, columns, rows)
  if (input === undefined || values === undefined) return undefined
  const dtype = columns.map((column) => column.dtype).reduce(commonType)
  const numbers = { values, offset: 0, stride: width, rows, width }
  const tensor = tensorOf(input, dtype, [rows, width], numbers)
  return tensor && { [input.name]: tensor }
}

/** The type that tokens become: as declared, else as numpy infers it. Float tokens do not go into integers. */
function elementType(declared: NumberType | undefined, hasFloat: boolean): NumberType | undefined {
  const dtype = declared ?? (hasFloat ? 'float64' : 'int64')
  return hasFloat && isIntegerType(dtype) ? undefined : dtype
}

/** What numpy widens two columns to (of int32, int64, float32 and float64, the types of columns). */
function commonType(a: NumberType, b: NumberType): NumberType {
  if (a === b) return a
  return isIntegerType(a) && isIntegerType(b) ? 'int64' : 'float64'
}

/** The tensor, if the input takes the type; the one cast of MLflow's wrapper is float64 to float32. */
function tensorOf(
  input: TensorSpec,
  dtype: NumberType | undefined,
  shape: readonly number[],
  numbers: NumberRows,
): Tensor | undefined {
  const target = dtype === 'float64' && input.dtype === 'float32' ? 'float32' : dtype
  if (target === undefined || target !== input.dtype || !fits(shape, input.shape)) return undefined
  const data = convertNumbers(numbers, target)
  return data && { dtype: target, shape, data }
}

function isUniform(plan: DirectPlan): boolean {
  return plan.fields.every((field) => field.dtype === plan.fields[0]?.dtype)
}

function fitsSpec(shape: readonly number[], spec: readonly number[] | undefined): boolean {
  return spec === undefined || fits(shape, spec)
}

function fits(shape: readonly number[], spec: readonly number[]): boolean {
  return shape.length === spec.length && spec.every((size, i) => size === -1 || size === shape[i])
}
