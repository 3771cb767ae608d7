import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Constant,
  type Graph,
  ONNX_TYPES,
  writeOnnx,
} from '../../engines/support/onnx-file.ts'
import { createRegistry, type TestRegistry } from '../../running-server.ts'

const { float32 } = ONNX_TYPES
type Nodes = Graph['nodes']

/** y = x @ W + bias in all that follows; W[i][j] = (i + j) / 10. */
const BIAS = 1

const W = Float32Array.from([0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4])
const AFFINE = { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['affine'] }

/** A graph from `x` [n, 4] to `y` [n, 2] that does something with the good answer, `affine`. */
function graph(nodes: Nodes, more: readonly Constant[] = [], bias = BIAS): Graph {
  return {
    inputs: [{ name: 'x', type: float32, shape: ['n', 4] }],
    outputs: [{ name: 'y', type: float32, shape: ['n', 2] }],
    nodes: [AFFINE, ...nodes],
    constants: [
      { name: 'w', type: float32, shape: [4, 2], data: W },
      { name: 'b', type: float32, shape: [2], data: Float32Array.of(bias, bias) },
      ...more,
    ],
  }
}

const scalar = (name: string, value: number): Constant => ({
  name,
  type: float32,
  shape: [],
  data: Float32Array.of(value),
})

const answer = (op: string, ...inputs: readonly string[]) => ({ op, inputs, outputs: ['y'] })

/** Models in place of `affine-1`, with its signature and its input example. */
export const GRAPHS = {
  good: graph([answer('Identity', 'affine')]),
  /** Better by so much. */
  better: graph([answer('Identity', 'affine')], [], BIAS + 0.25),
  /** The square root of what is negative. */
  nan: graph(
    [{ op: 'Sub', inputs: ['affine', 'much'], outputs: ['negative'] }, answer('Sqrt', 'negative')],
    [scalar('much', 1e6)],
  ),
  random: graph([answer('RandomUniformLike', 'affine')]),
  constant: graph(
    [{ op: 'Mul', inputs: ['affine', 'nothing'], outputs: ['zeros'] }, answer('Add', 'zeros', 'b')],
    [scalar('nothing', 0)],
  ),
  /** Every row has the mean of all rows in it. */
  mixing: graph([
    { op: 'ReduceMean', inputs: ['affine'], outputs: ['mean'], attributes: { keepdims: 0 } },
    answer('Sub', 'affine', 'mean'),
  ]),
  /** Takes one row only, which the graph does not say. */
  single: graph(
    [
      { op: 'Shape', inputs: ['affine'], outputs: ['shape'] },
      { op: 'Squeeze', inputs: ['affine', 'zero'], outputs: ['row'] },
      { op: 'Unsqueeze', inputs: ['row', 'zero'], outputs: ['rows'] },
      answer('Expand', 'rows', 'shape'),
    ],
    [{ name: 'zero', type: ONNX_TYPES.int64, shape: [1], data: BigInt64Array.of(0n) }],
  ),
  /** A column more. */
  wider: {
    ...graph([
      { op: 'Concat', inputs: ['affine', 'affine'], outputs: ['y'], attributes: { axis: 1 } },
    ]),
    outputs: [{ name: 'y', type: float32, shape: ['n', 'm'] }],
  },
} as const satisfies Record<string, Graph>

export type GraphName = keyof typeof GRAPHS

/** A folder registry with one model, `churn`, whose version n is the nth of the graphs. */
export async function graphRegistry(...names: readonly GraphName[]): Promise<TestRegistry> {
  const registry = await createRegistry({ churn: names.map(() => 'affine-1') })
  for (const [i, name] of names.entries()) {
    writeOnnx(join(registry.root, 'churn', String(i + 1)), GRAPHS[name])
  }
  return registry
}

/** Puts a `golden.json` into a version's folder. */
export function writeGolden(registry: TestRegistry, version: number, golden: unknown) {
  const path = join(registry.root, 'churn', String(version), 'golden.json')
  return writeFile(path, JSON.stringify(golden))
}
