import { allocate, elementCount, type NamedTensors, type TensorSpec } from '../../model/tensor.ts'

/** Beyond this, zeros would cost more than what they may tell. */
const MAX_ELEMENTS = 2 ** 22

/** Zeros for every input, free dimensions 1; undefined where they would be too large. */
export function probeFeeds(inputs: readonly TensorSpec[]): NamedTensors | undefined {
  const shapes = inputs.map(({ shape }) => shape.map((size) => (size < 0 ? 1 : size)))
  if (shapes.reduce((sum, shape) => sum + elementCount(shape), 0) > MAX_ELEMENTS) return undefined
  return Object.fromEntries(
    inputs.map(({ name, dtype }, i) => {
      const shape = shapes[i] ?? []
      return [name, { dtype, shape, data: allocate(dtype, elementCount(shape)) }]
    }),
  )
}
