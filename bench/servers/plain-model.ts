import { InferenceSession, Tensor } from 'onnxruntime-node'

/** A model used as the documentation of onnxruntime-node shows it: nested lists in, nested lists out. */
export interface PlainModel {
  predict(inputs: readonly unknown[]): Promise<Record<string, unknown>>
}

export async function openPlainModel(file: string): Promise<PlainModel> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 })
  const input = session.inputNames[0] ?? ''
  return {
    async predict(inputs) {
      const data = Float32Array.from(
        (inputs as unknown[]).flat(Number.POSITIVE_INFINITY) as number[],
      )
      const outputs = await session.run({ [input]: new Tensor('float32', data, shapeOf(inputs)) })
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [
          name,
          nest(Array.from(tensor.data as ArrayLike<number | bigint>, Number), tensor.dims),
        ]),
      )
    },
  }
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : []
}

function nest(values: readonly number[], shape: readonly number[]): unknown {
  const [first = 0, ...rest] = shape
  if (rest.length === 0) return values
  const stride = values.length / first
  return Array.from({ length: first }, (_, i) =>
    nest(values.slice(i * stride, (i + 1) * stride), rest),
  )
}
