import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { image, mlp } from './networks.ts'
import { type Graph, writeOnnx } from './onnx-writer.ts'
import { createRandom } from './random.ts'

export type ModelName = 'iris' | 'mlp' | 'image'

/** A model to measure with. */
export interface BenchModel {
  readonly name: ModelName
  readonly onnxFile: string
  /** Shape of one row. */
  readonly shape: readonly number[]
}

/** A folder registry with every model; `iris` has two versions. */
export interface BenchModels {
  readonly registry: string
  readonly models: Readonly<Record<ModelName, BenchModel>>
}

const SAMPLES = new URL('../../models/iris-classifier', import.meta.url).pathname

/** Makes the models in a fresh folder below the system's temporary one. The same on every machine. */
export async function makeBenchModels(): Promise<BenchModels> {
  const registry = await mkdtemp(join(tmpdir(), 'baton-bench-'))
  await cp(SAMPLES, join(registry, 'iris'), { recursive: true })
  await setAlias(registry, 'iris', '1')
  await writeModel(registry, mlp())
  await writeModel(registry, image())
  const file = (model: string) => join(registry, model, '1', 'model.onnx')
  return {
    registry,
    models: {
      iris: { name: 'iris', onnxFile: file('iris'), shape: [4] },
      mlp: { name: 'mlp', onnxFile: file('mlp'), shape: [256] },
      image: { name: 'image', onnxFile: file('image'), shape: [3, 224, 224] },
    },
  }
}

/** Points the alias `champion` of a model to a version: what starts a hand-over. */
export async function setAlias(registry: string, model: string, version: string): Promise<void> {
  await writeFile(join(registry, model, 'aliases.yaml'), `champion: ${version}\n`)
}

async function writeModel(registry: string, graph: Graph): Promise<void> {
  const folder = join(registry, graph.name, '1')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.onnx'), writeOnnx(graph))
  await writeFile(join(folder, 'MLmodel'), mlmodelText(graph))
  await setAlias(registry, graph.name, '1')
}

function mlmodelText({ inputShape, outputShape }: Graph): string {
  const tensor = (name: string, shape: readonly number[]) =>
    JSON.stringify([
      { name, type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, ...shape] } },
    ])
  return `flavors:
  onnx:
    data: model.onnx
    onnx_version: 1.20.0
    providers: [CPUExecutionProvider]
signature:
  inputs: '${tensor('input', inputShape)}'
  outputs: '${tensor('output', outputShape)}'
`
}

/** Rows of numbers with four decimals, the same for the same seed. */
export function sampleRows(model: BenchModel, rows: number, seed = 7): Float32Array {
  const random = createRandom(seed)
  const size = model.shape.reduce((product, dimension) => product * dimension, 1)
  const scale = model.name === 'iris' ? 6 : 1
  return Float32Array.from({ length: rows * size }, () => Math.round(random() * scale * 1e4) / 1e4)
}

/** `{"inputs": [...]}` with the rows as nested lists. */
export function requestBody(model: BenchModel, data: Float32Array): string {
  const size = model.shape.reduce((product, dimension) => product * dimension, 1)
  const nested = nest(data, [data.length / size, ...model.shape])
  return `{"inputs": ${JSON.stringify(nested)}}`
}

function nest(data: Float32Array, shape: readonly number[]): unknown {
  const [first = 0, ...rest] = shape
  // A float32 spelled with four decimals again: 0.1 and not 0.10000000149.
  if (rest.length === 0) return Array.from(data, (value) => Math.round(value * 1e4) / 1e4)
  const stride = data.length / first
  return Array.from({ length: first }, (_, i) =>
    nest(data.subarray(i * stride, (i + 1) * stride), rest),
  )
}
