import { float16ToNumber } from '../../model/float16.ts'
import {
  type DType,
  elementCount,
  isStringData,
  type NamedTensors,
  type Tensor,
  type TensorData,
} from '../../model/tensor.ts'

/**
 * How far a number may lie from another, as a share of the largest of its output: a kernel sums in another order for
 * another number of rows. 1e-3 is what float32 keeps of its 1e-7 through some hundred layers, and what TF32 has. Double
 * precision may stand at the end of a graph that computes in single.
 */
const ROUNDING: Readonly<Partial<Record<DType, number>>> = {
  float16: 1e-2,
  float32: 1e-3,
  float64: 1e-4,
}

/** In words, where the answer to a row differs from the answer to the same row alone; undefined where it does not. */
export function rowDifference(
  alone: NamedTensors,
  together: NamedTensors,
  largest: Readonly<Record<string, number>>,
): string | undefined {
  for (const [name, expected] of Object.entries(alone)) {
    const received = together[name]
    if (received === undefined) return `output "${name}" is missing`
    if (expected.shape.join() !== received.shape.join()) {
      return `output "${name}" has shape [${received.shape}] in place of [${expected.shape}]`
    }
    const difference = tensorDifference(expected, received, largest[name] ?? 0)
    if (difference !== undefined) return `output "${name}" ${difference}`
  }
  return undefined
}

function tensorDifference(
  { dtype, shape, data }: Tensor,
  received: Tensor,
  largest: number,
): string | undefined {
  const count = elementCount(shape)
  const rounding = ROUNDING[dtype]
  for (let i = 0; i < count; i += 1) {
    if (rounding === undefined) {
      if (data[i] !== received.data[i]) return 'has another value'
      continue
    }
    const [a, b] = [numberAt(dtype, data, i), numberAt(dtype, received.data, i)]
    if (Object.is(a, b) || a === b) continue
    // Also where one of them is NaN or infinite.
    if (!(Math.abs(a - b) <= rounding * largest)) {
      return `differs by ${Math.abs(a - b).toPrecision(3)}, where its largest number is ${largest.toPrecision(3)}`
    }
  }
  return undefined
}

/** Adds an answer to the largest finite absolute value of each output of floats. */
export function addLargestNumbers(largest: Record<string, number>, answer: NamedTensors): void {
  for (const [name, { dtype, shape, data }] of Object.entries(answer)) {
    if (ROUNDING[dtype] === undefined) continue
    let most = largest[name] ?? 0
    for (let i = 0; i < elementCount(shape); i += 1) {
      const size = Math.abs(numberAt(dtype, data, i))
      if (size > most && Number.isFinite(size)) most = size
    }
    largest[name] = most
  }
}

function numberAt(dtype: DType, data: TensorData, index: number): number {
  const value = isStringData(data) ? Number.NaN : Number(data[index])
  return dtype === 'float16' ? float16ToNumber(value) : value
}
