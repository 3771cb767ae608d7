/**
 * Writes small ONNX files (onnx.proto3), so that a test can have any element type, opset or operator without a
 * binary fixture for each.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Numbers of `TensorProto.DataType`. */
export const ONNX_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  bfloat16: 16,
  float8e4m3fn: 17,
} as const

/** Numbers of `AttributeProto.AttributeType`. */
const ATTRIBUTE_INT = 2
const ATTRIBUTE_GRAPH = 5

/** Number of `TensorProto.DataLocation`. */
const EXTERNAL = 1

interface Value {
  readonly name: string
  readonly type: number
  /** A text is a symbolic dimension. */
  readonly shape: readonly (number | string)[]
  /** Whether it is a sequence of such tensors. */
  readonly sequence?: boolean
}

/** A constant of the graph, such as a weight. */
export interface Constant {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[]
  /** Where its bytes are: in the file, or at the start of another file beside it. */
  readonly data: NodeJS.ArrayBufferView | { readonly file: string; readonly bytes: number }
}

interface Node {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly domain?: string
  /** Whole numbers, and the bodies of loops. */
  readonly attributes?: Readonly<Record<string, number | Graph>>
}

/** What a model computes, or the body of a loop. */
export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly nodes: readonly Node[]
  readonly constants?: readonly Constant[]
}

interface OnnxFile extends Graph {
  readonly opset?: number
  readonly irVersion?: number
}

/** Writes `model.onnx` into `folder`. */
export function writeOnnx(folder: string, file: OnnxFile): void {
  const { nodes, opset = 17, irVersion = 8 } = file
  const domains = new Set(['', ...nodes.map(({ domain = '' }) => domain)])
  const model = [
    number(1, irVersion),
    ...[...domains].map((domain) =>
      field(8, [text(1, domain), number(2, domain === '' ? opset : 1)]),
    ),
    field(7, graphFields(file)),
  ]
  writeFileSync(join(folder, 'model.onnx'), Buffer.concat(model))
}

/** A model that answers its input `x` as `y`. */
export function identity(type: number, shape: Value['shape'] = ['n']): OnnxFile {
  return {
    inputs: [{ name: 'x', type, shape }],
    outputs: [{ name: 'y', type, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  }
}

function graphFields({ inputs, outputs, nodes, constants = [] }: Graph): Buffer[] {
  return [
    ...nodes.map((node) => field(1, nodeFields(node))),
    text(2, 'sample'),
    ...constants.map((constant) => field(5, constantFields(constant))),
    ...inputs.map((value) => field(11, valueInfo(value))),
    ...outputs.map((value) => field(12, valueInfo(value))),
  ]
}

function nodeFields({ inputs, outputs, op, domain = '', attributes = {} }: Node): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, attributeFields(name, value))),
    text(7, domain),
  ]
}

function attributeFields(name: string, value: number | Graph): Buffer[] {
  return typeof value === 'number'
    ? [text(1, name), number(3, value), number(20, ATTRIBUTE_INT)]
    : [text(1, name), field(6, graphFields(value)), number(20, ATTRIBUTE_GRAPH)]
}

function constantFields({ name, type, shape, data }: Constant): Buffer[] {
  const head = [...shape.map((size) => number(1, size)), number(2, type), text(8, name)]
  if (!('file' in data)) {
    return [...head, field(9, [Buffer.from(data.buffer, data.byteOffset, data.byteLength)])]
  }
  const entries = { location: data.file, offset: '0', length: String(data.bytes) }
  return [
    ...head,
    ...Object.entries(entries).map(([key, value]) => field(13, [text(1, key), text(2, value)])),
    number(14, EXTERNAL),
  ]
}

function valueInfo({ name, type, shape, sequence = false }: Value): Buffer[] {
  const dimensions = shape.map((size) =>
    field(1, [typeof size === 'number' ? number(1, size) : text(2, size)]),
  )
  const tensor = field(1, [number(1, type), field(2, dimensions)])
  return [text(1, name), field(2, [sequence ? field(4, [field(1, [tensor])]) : tensor])]
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

function number(id: number, value: number): Buffer {
  return Buffer.concat([varint(id * 8), varint(value)])
}

function field(id: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(id * 8 + 2), varint(body.length), body])
}

function text(id: number, value: string): Buffer {
  return field(id, [Buffer.from(value)])
}
