import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Constant,
  type Graph,
  ONNX_TYPES,
  writeOnnx,
} from '../../engines/support/onnx-file.ts'

/**
 * The model that every bad version is to replace: y = x @ W + VERSION / 1000, x of four columns, y of two scores.
 * Versions agree on the larger score, and differ by so little that a comparison of answers lets them pass.
 */

export type Rows = readonly (readonly number[])[]

/** W: a row for each column of x. */
export const WEIGHTS: Rows = [
  [0.3, -0.2],
  [-0.1, 0.4],
  [0.2, -0.3],
  [-0.4, 0.1],
]

/** Far more than float32 loses here, and far less than versions differ by. */
const TOLERANCE = 1e-4

export const X = { name: 'x', type: ONNX_TYPES.float32, shape: ['n', 4] } as const
export const Y = { name: 'y', type: ONNX_TYPES.float32, shape: ['n', 2] } as const

/** The scores, as a node whose output has a name of its own where more follows. */
export function scores(output = 'y', input = 'x') {
  return { op: 'Gemm', inputs: [input, 'w', 'b'], outputs: [output] }
}

export function weights(version: number): Constant[] {
  return [
    { name: 'w', type: ONNX_TYPES.float32, shape: [4, 2], data: Float32Array.from(WEIGHTS.flat()) },
    {
      name: 'b',
      type: ONNX_TYPES.float32,
      shape: [2],
      data: new Float32Array(2).fill(version / 1000),
    },
  ]
}

/** Writes the folder of a good version, as MLflow would log it. */
export function writeGoodVersion(folder: string, version: number): void {
  const graph = { inputs: [X], outputs: [Y], nodes: [scores()], constants: weights(version) }
  writeVersion(folder, graph)
}

/** Writes a folder with a model and an MLmodel; the signature is the graph's own unless another is given. */
export function writeVersion(folder: string, graph: Graph, mlmodel = mlmodelOf(graph)): void {
  mkdirSync(folder, { recursive: true })
  writeOnnx(folder, graph)
  writeFileSync(join(folder, 'MLmodel'), mlmodel)
}

/** The MLmodel of a graph. */
export function mlmodelOf({ inputs, outputs }: Pick<Graph, 'inputs' | 'outputs'>): string {
  const spec = (values: Graph['inputs']) =>
    JSON.stringify(
      values.map(({ name, type, shape }) => ({
        name,
        type: 'tensor',
        'tensor-spec': {
          dtype: DTYPE_NAMES[type],
          shape: shape.map((size, i) => (i === 0 || typeof size === 'string' ? -1 : size)),
        },
      })),
    )
  return `flavors:
  onnx:
    data: model.onnx
    onnx_version: 1.20.0
    providers: [CPUExecutionProvider]
signature:
  inputs: '${spec(inputs)}'
  outputs: '${spec(outputs)}'
`
}

const DTYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(ONNX_TYPES).map(([name, number]) => [number, name]),
)

/** Rows of multiples of 1/8 below 8. */
export function randomRows(count: number): Rows {
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 }, () => Math.floor(Math.random() * 64) / 8),
  )
}

/** Why these predictions are not what this version answers to these rows; undefined when they are. */
export function whyWrong(rows: Rows, version: string, predictions: unknown): string | undefined {
  const expected = rows.map((x) =>
    [0, 1].map((j) =>
      x.reduce((sum, value, i) => sum + value * (WEIGHTS[i]?.[j] ?? 0), Number(version) / 1000),
    ),
  )
  // A Keras model's only output has no name in MLflow's answers.
  const received = Array.isArray(predictions)
    ? predictions
    : (predictions as { y?: unknown } | undefined)?.y
  const same =
    Array.isArray(received) &&
    received.length === expected.length &&
    expected.every((row, r) =>
      row.every((value, c) => Math.abs(value - Number(received[r]?.[c])) < TOLERANCE),
    )
  if (same) return undefined
  return `version ${version}: expected ${JSON.stringify(expected)}, received ${JSON.stringify(predictions)}`
}
