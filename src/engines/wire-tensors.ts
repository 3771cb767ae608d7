import type { DType, NamedTensors, Tensor, TensorData } from '../model/tensor.ts'

/**
 * Tensors as they cross between threads: name, dtype, shape and data of each in turn. An object for every tensor
 * costs more to clone: 2 us of the 68 that a run of iris took there and back.
 */
export type WireTensors = readonly (string | readonly number[] | TensorData)[]

const FIELDS = 4

export function toWire(tensors: NamedTensors): WireTensors {
  const wire: (string | readonly number[] | TensorData)[] = []
  for (const name in tensors) {
    const tensor = tensors[name]
    if (tensor !== undefined) wire.push(name, tensor.dtype, tensor.shape, tensor.data)
  }
  return wire
}

export function fromWire(wire: WireTensors): NamedTensors {
  const tensors: Record<string, Tensor> = {}
  for (let i = 0; i < wire.length; i += FIELDS) {
    tensors[wire[i] as string] = {
      dtype: wire[i + 1] as DType,
      shape: wire[i + 2] as readonly number[],
      data: wire[i + 3] as TensorData,
    }
  }
  return tensors
}
