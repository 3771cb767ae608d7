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

interface Value {
  readonly name: string
  readonly type: number
  /** A text is a symbolic dimension. */
  readonly shape: readonly (number | string)[]
}

interface OnnxFile {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly nodes: readonly { op: string; inputs: string[]; outputs: string[]; domain?: string }[]
  readonly opset?: number
  readonly irVersion?: number
}

/** Writes `model.onnx` into `folder`. */
export function writeOnnx(folder: string, file: OnnxFile): void {
  const { inputs, outputs, nodes, opset = 17, irVersion = 8 } = file
  const domains = new Set(['', ...nodes.map(({ domain = '' }) => domain)])
  const graph = [
    ...nodes.map(({ op, inputs: from, outputs: to, domain = '' }) =>
      field(1, [
        ...from.map((name) => text(1, name)),
        ...to.map((name) => text(2, name)),
        text(4, op),
        text(7, domain),
      ]),
    ),
    text(2, 'sample'),
    ...inputs.map((value) => field(11, valueInfo(value))),
    ...outputs.map((value) => field(12, valueInfo(value))),
  ]
  const model = [
    number(1, irVersion),
    ...[...domains].map((domain) =>
      field(8, [text(1, domain), number(2, domain === '' ? opset : 1)]),
    ),
    field(7, graph),
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

function valueInfo({ name, type, shape }: Value): Buffer[] {
  const dimensions = shape.map((size) =>
    field(1, [typeof size === 'number' ? number(1, size) : text(2, size)]),
  )
  return [text(1, name), field(2, [field(1, [number(1, type), field(2, dimensions)])])]
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
