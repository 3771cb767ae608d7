import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Graph } from './onnx-writer.ts'

const FLOAT = { type: 'DT_FLOAT' }

/** Writes dense layers (Gemm and Relu nodes) as the graph-model that tensorflowjs_converter would make of them. */
export async function writeTfjs(folder: string, graph: Graph): Promise<void> {
  const node = [
    {
      name: 'input',
      op: 'Placeholder',
      attr: { dtype: FLOAT, shape: { shape: dims([-1, ...graph.inputShape]) } },
    },
    ...graph.initializers.map(({ name }) => ({
      name,
      op: 'Const',
      attr: { dtype: FLOAT, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: dims([]) } } },
    })),
    ...graph.nodes.map(({ op, inputs, output }) => {
      if (op === 'Relu') return { name: output, op, input: inputs, attr: { T: FLOAT } }
      if (op !== 'Gemm') throw new Error(`Only dense layers are written, got ${op}`)
      return { name: output, op: '_FusedMatMul', input: inputs, attr: FUSED_BIAS }
    }),
  ]
  const tensor = (name: string, shape: readonly number[]) => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensorShape: dims([-1, ...shape]),
  })
  const weights = graph.initializers.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }))
  const model = {
    format: 'graph-model',
    signature: {
      inputs: { input: tensor('input', graph.inputShape) },
      outputs: { output: tensor('output', graph.outputShape) },
    },
    modelTopology: { node, library: {}, versions: { producer: 1 } },
    weightsManifest: [{ paths: ['weights.bin'], weights }],
  }
  await writeFile(join(folder, 'model.json'), JSON.stringify(model))
  const bytes = graph.initializers.map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  )
  await writeFile(join(folder, 'weights.bin'), Buffer.concat(bytes))
}

const FUSED_BIAS = {
  T: FLOAT,
  num_args: { i: '1' },
  transpose_a: { b: false },
  transpose_b: { b: false },
  fused_ops: { list: { s: [Buffer.from('BiasAdd').toString('base64')] } },
}

function dims(sizes: readonly number[]): { dim: { size: string }[] } {
  return { dim: sizes.map((size) => ({ size: String(size) })) }
}
