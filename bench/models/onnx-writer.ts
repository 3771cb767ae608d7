/**
 * Writes ONNX files: as much of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3) as a chain
 * of float32 layers needs, so that the benchmark models are made by Node alone.
 */

/** A float32 weight. */
export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface Node {
  readonly op: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>
}

/** A graph from `input` to `output`, both float32 with a free first dimension. */
export interface Graph {
  readonly name: string
  readonly inputShape: readonly number[]
  readonly outputShape: readonly number[]
  readonly nodes: readonly Node[]
  readonly initializers: readonly Initializer[]
}

const FLOAT = 1
const ATTRIBUTE_INT = 2
const ATTRIBUTE_INTS = 7
const IR_VERSION = 8
const OPSET = 17

export function writeOnnx(graph: Graph): Buffer {
  return message(
    integer(1, IR_VERSION),
    text(2, 'baton-bench'),
    bytes(7, writeGraph(graph)),
    bytes(8, message(text(1, ''), integer(2, OPSET))),
  )
}

function writeGraph(graph: Graph): Buffer {
  return message(
    ...graph.nodes.map((node) => bytes(1, writeNode(node))),
    text(2, graph.name),
    ...graph.initializers.map((tensor) => bytes(5, writeTensor(tensor))),
    bytes(11, writeValueInfo('input', graph.inputShape)),
    bytes(12, writeValueInfo('output', graph.outputShape)),
  )
}

function writeNode({ op, inputs, output, attributes = {} }: Node): Buffer {
  return message(
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, writeAttribute(name, value))),
  )
}

function writeAttribute(name: string, value: number | readonly number[]): Buffer {
  return typeof value === 'number'
    ? message(text(1, name), integer(3, value), integer(20, ATTRIBUTE_INT))
    : message(text(1, name), ...value.map((one) => integer(8, one)), integer(20, ATTRIBUTE_INTS))
}

function writeTensor({ name, shape, data }: Initializer): Buffer {
  return message(
    ...shape.map((size) => integer(1, size)),
    integer(2, FLOAT),
    text(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  )
}

function writeValueInfo(name: string, shape: readonly number[]): Buffer {
  const free = bytes(1, text(2, 'N'))
  const dimensions = shape.map((size) => bytes(1, integer(1, size)))
  const tensorType = message(integer(1, FLOAT), bytes(2, message(free, ...dimensions)))
  return message(text(1, name), bytes(2, bytes(1, tensorType)))
}

function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields)
}

const VARINT = 0
const LENGTH_DELIMITED = 2

function integer(field: number, value: number): Buffer {
  return Buffer.from([...varint(field * 8 + VARINT), ...varint(value)])
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value))
}

function bytes(field: number, value: Buffer): Buffer {
  const head = Buffer.from([...varint(field * 8 + LENGTH_DELIMITED), ...varint(value.length)])
  return Buffer.concat([head, value])
}

function varint(value: number): number[] {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f) {
    out.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return [...out, rest]
}
