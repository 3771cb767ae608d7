import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { BenchModel } from './bench-models.ts'

/** `{"predictions": {output: nested lists}}`, as the model answers when it runs alone. */
export interface Answer {
  readonly predictions: Readonly<Record<string, unknown>>
}

/** Kernels round differently by batch size; this much of a value (or of 1) is no mistake. */
const TOLERANCE = 1e-4

/** What a model must answer, computed by ONNX Runtime in this process. */
export async function expectedAnswer(model: BenchModel, data: Float32Array): Promise<Answer> {
  const session = await InferenceSession.create(model.onnxFile, { intraOpNumThreads: 1 })
  const size = model.shape.reduce((product, dimension) => product * dimension, 1)
  const input = session.inputNames[0] ?? ''
  const shape = [data.length / size, ...model.shape]
  const outputs = await session.run({ [input]: new Tensor('float32', data, shape) })
  const predictions = Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name, nest(tensor)]),
  )
  await session.release()
  return { predictions }
}

function nest({ data, dims }: Tensor): unknown {
  let values: unknown[] = Array.from(data as ArrayLike<number | bigint>, Number)
  for (const size of dims.slice(1).toReversed()) {
    values = Array.from({ length: values.length / size }, (_, i) =>
      values.slice(i * size, (i + 1) * size),
    )
  }
  return values
}

/** The largest difference between two answers, relative to values above 1; Infinity where the shapes differ. */
function difference(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') {
    return Math.abs(a - b) / Math.max(1, Math.abs(b))
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Number.POSITIVE_INFINITY
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return Number.POSITIVE_INFINITY
  const parts = a as Record<string, unknown>
  const others = b as Record<string, unknown>
  return keys.reduce((worst, key) => Math.max(worst, difference(parts[key], others[key])), 0)
}

/** Checks bodies against the answers that may come: the number of wrong ones, and the largest difference of the rest. */
export function checkBodies(
  bodies: readonly string[],
  expected: readonly Answer[],
): { readonly wrong: number; readonly worst: number } {
  let wrong = 0
  let worst = 0
  for (const body of bodies) {
    const answer: unknown = JSON.parse(body)
    const nearest = Math.min(...expected.map((one) => difference(answer, one)))
    if (nearest > TOLERANCE) wrong += 1
    else worst = Math.max(worst, nearest)
  }
  return { wrong, worst }
}
