import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TfjsBackend, TfjsFormat } from '../../../../src/model/flavor.ts'
import type { ModelManifest } from '../../../../src/model/mlmodel.ts'
import type { DType, NamedTensors, Tensor, TensorSpec } from '../../../../src/model/tensor.ts'

/** Folder of `test/fixtures/tfjs`, each of whose folders holds what tensorflowjs_converter wrote. */
export const FIXTURES = fileURLToPath(new URL('../../../fixtures/tfjs', import.meta.url))

/** What an MLmodel with the flavor says; the model folder is the parent of `folder`. */
export function tfjsManifest(
  data: string,
  format: TfjsFormat = 'graph-model',
  backend?: TfjsBackend,
): ModelManifest {
  return {
    flavor: { engine: 'tfjs', data, format, backend },
    signature: undefined,
    modelId: undefined,
    runId: undefined,
    mlflowVersion: undefined,
    createdAt: undefined,
    servingInputPath: undefined,
  }
}

export function formatOf(name: string): TfjsFormat {
  const text = readFileSync(join(FIXTURES, name, 'model.json'), 'utf8')
  return (JSON.parse(text) as { format: TfjsFormat }).format
}

interface Recorded {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: readonly (number | boolean | string)[]
}

/** Inputs, and what Keras answered to them. One that is alone has the name ''. */
export interface KerasAnswers {
  readonly inputs: readonly Recorded[]
  readonly outputs: readonly Recorded[]
}

export function kerasAnswers(name: string): KerasAnswers {
  return JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8')) as KerasAnswers
}

/** The recorded inputs, as feeds of their own. */
export function feedsFrom({ inputs }: KerasAnswers, specs: readonly TensorSpec[]): NamedTensors {
  return Object.fromEntries(
    inputs.map((input) => [input.name || (specs[0]?.name ?? ''), toTensor(input)]),
  )
}

function toTensor({ dtype, shape, data }: Recorded): Tensor {
  if (dtype === 'string') return { dtype, shape, data: data.map(String) }
  const numbers = data.map(Number)
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: Float32Array.from(numbers) }
    case 'int32':
      return { dtype, shape, data: Int32Array.from(numbers) }
    default:
      throw new Error(`Not used in recorded inputs: ${dtype}`)
  }
}

/** The largest difference between what was answered and what Keras answered; infinite for another text. */
export function maxError({ outputs }: KerasAnswers, answered: NamedTensors): number {
  const errors = outputs.map((expected) => {
    const output = answered[expected.name] ?? Object.values(answered)[0]
    if (output?.dtype !== expected.dtype || `${output.shape}` !== `${expected.shape}`) {
      throw new Error(
        `Expected ${expected.dtype} [${expected.shape}], got ${output?.dtype} [${output?.shape}]`,
      )
    }
    const { data } = output
    return expected.data.reduce<number>((worst, value, i) => {
      if (typeof value === 'string') return value === data[i] ? worst : Number.POSITIVE_INFINITY
      return Math.max(worst, Math.abs(Number(value) - Number(data[i])))
    }, 0)
  })
  return Math.max(...errors)
}
