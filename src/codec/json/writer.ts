import { ServingError } from '../../errors.ts'
import { float16ToNumber } from '../../model/float16.ts'
import { elementCount, type Tensor } from '../../model/tensor.ts'
import { floatJson, floatText } from './float-text.ts'
import type { PyDict, PyValue } from './py-value.ts'
import { stringJson } from './string-text.ts'
import { createTextSink, type TextSink } from './text-sink.ts'

export interface JsonWriteOptions {
  /** Refuse NaN and Infinity, which Python writes bare and JSON does not have. */
  readonly strict: boolean
}

/** A tensor and the name it has in the answer. */
export type NamedTensor = readonly [name: string, tensor: Tensor]

/** What stands before and after the written value, such as `{"predictions": ` and `}`. */
export interface JsonFrame {
  readonly before: string
  readonly after: string
}

/**
 * A value as Python's `json.dumps` writes it: `", "` and `": "`, ASCII only.
 * @throws ServingError OUTPUT_NOT_ENCODABLE for a number that strict JSON has not.
 */
export function writeJson(value: PyValue, options: JsonWriteOptions): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
      return `${value}`
    case 'number':
      if (options.strict && !Number.isFinite(value)) throw notEncodable(`The value is ${value}`)
      return floatJson(value)
    case 'string':
      return stringJson(value)
  }
  if (Array.isArray(value)) {
    return `[${value.map((item: PyValue) => writeJson(item, options)).join(', ')}]`
  }
  const entries = [...(value as PyDict)].map(
    ([key, item]) => `${stringJson(key)}: ${writeJson(item, options)}`,
  )
  return `{${entries.join(', ')}}`
}

/**
 * `{"name": [[...]], ...}`: each tensor as nested lists, straight from its array. Text when it is short, else bytes.
 * @throws ServingError OUTPUT_NOT_ENCODABLE
 */
export function writeTensorDict(
  tensors: readonly NamedTensor[],
  frame: JsonFrame,
  options: JsonWriteOptions,
): string | Uint8Array {
  const sink = createTextSink(totalElements(tensors))
  let lead = `${frame.before}{`
  for (const [name, tensor] of tensors) {
    sink.add(`${lead}${stringJson(name)}: `)
    addNested(sink, tensor.shape, elementWriter(name, tensor, options))
    lead = ', '
  }
  sink.add(tensors.length === 0 ? `${lead}}${frame.after}` : `}${frame.after}`)
  return sink.finish()
}

/**
 * `[{"a": 1.0, "b": 2}, ...]`: the tensors flattened as columns, one object a row. All hold as many elements.
 * @throws ServingError OUTPUT_NOT_ENCODABLE
 */
export function writeTensorRecords(
  tensors: readonly NamedTensor[],
  frame: JsonFrame,
  options: JsonWriteOptions,
): string | Uint8Array {
  const sink = createTextSink(totalElements(tensors))
  const rows = tensors[0] === undefined ? 0 : elementCount(tensors[0][1].shape)
  const columns = tensors.map(([name, tensor], place) => ({
    lead: `${place === 0 ? '{' : ', '}${stringJson(name)}: `,
    element: elementWriter(name, tensor, options),
  }))
  sink.add(`${frame.before}[`)
  for (let row = 0; row < rows; row++) {
    if (row > 0) sink.add(', ')
    for (const { lead, element } of columns) {
      sink.add(lead)
      sink.add(element(row))
    }
    sink.add('}')
  }
  sink.add(`]${frame.after}`)
  return sink.finish()
}

/** A tensor as nested lists, a scalar where it has no dimensions. */
export function writeTensorNested(
  name: string,
  tensor: Tensor,
  options: JsonWriteOptions,
): string | Uint8Array {
  const sink = createTextSink(elementCount(tensor.shape))
  addNested(sink, tensor.shape, elementWriter(name, tensor, options))
  return sink.finish()
}

/** The text of the element at a row-major index. */
type ElementWriter = (index: number) => string

function addNested(sink: TextSink, shape: readonly number[], element: ElementWriter): void {
  if (shape.length === 0) sink.add(element(0))
  else addLists(sink, shape, 0, 0, element)
}

/** @returns index of the first element after the list */
function addLists(
  sink: TextSink,
  shape: readonly number[],
  axis: number,
  from: number,
  element: ElementWriter,
): number {
  const size = shape[axis] as number
  const isInnermost = axis === shape.length - 1
  let index = from
  sink.add('[')
  for (let i = 0; i < size; i++) {
    if (i > 0) sink.add(', ')
    if (isInnermost) sink.add(element(index++))
    else index = addLists(sink, shape, axis + 1, index, element)
  }
  sink.add(']')
  return index
}

function elementWriter(name: string, tensor: Tensor, options: JsonWriteOptions): ElementWriter {
  const { dtype, data } = tensor
  switch (dtype) {
    case 'float32':
    case 'float64':
      return floatWriter(name, tensor, options, (index) => data[index] as number)
    case 'float16':
      return floatWriter(name, tensor, options, (index) => float16ToNumber(data[index] as number))
    case 'bool':
      return (index) => (data[index] ? 'true' : 'false')
    case 'string':
      return (index) => stringJson(data[index] as string)
    default:
      return (index) => `${data[index]}`
  }
}

function floatWriter(
  name: string,
  tensor: Tensor,
  { strict }: JsonWriteOptions,
  at: (index: number) => number,
): ElementWriter {
  if (!strict) return (index) => floatJson(at(index))
  return (index) => {
    const value = at(index)
    if (Number.isFinite(value)) return floatText(value)
    const where = coordinates(index, tensor.shape).join(', ')
    throw notEncodable(`Output '${name}' is ${value} at [${where}]`)
  }
}

function notEncodable(fact: string): ServingError {
  return new ServingError(
    'OUTPUT_NOT_ENCODABLE',
    `${fact}, which strict JSON cannot hold. Expected finite numbers: mend the model, or allow bare NaN and Infinity as MLflow writes them`,
  )
}

function coordinates(index: number, shape: readonly number[]): number[] {
  const place: number[] = []
  let rest = index
  for (const size of shape.toReversed()) {
    place.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return place
}

function totalElements(tensors: readonly NamedTensor[]): number {
  return tensors.reduce((total, [, tensor]) => total + elementCount(tensor.shape), 0)
}
