import {
  type DataType,
  type NamedTensorMap,
  type Tensor as TfTensor,
  tensor,
} from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import {
  type DType,
  isStringData,
  type NamedTensors,
  type Tensor,
  type TensorSpec,
} from '../../model/tensor.ts'

/** Element types that a tensor of TensorFlow.js can have, and that pass through Baton. */
type TfDType = Extract<DType, DataType>

/** Tensors for the inputs of the model, by name. The caller disposes of them. */
export function toTfTensors(feeds: NamedTensors, inputs: readonly TensorSpec[]): NamedTensorMap {
  const tensors: NamedTensorMap = {}
  for (const { name, dtype } of inputs) {
    const feed = feeds[name]
    if (feed === undefined) {
      throw new ServingError('MODEL_FAILED', `Required input (${name}) is missing`)
    }
    if (feed.dtype !== dtype) {
      throw new ServingError(
        'MODEL_FAILED',
        `Expected ${dtype} for the input "${name}", got ${feed.dtype}`,
      )
    }
    tensors[name] = tensor(values(feed), [...feed.shape], dtype as TfDType)
  }
  return tensors
}

function values({ data }: Tensor): string[] | Float32Array | Int32Array | Uint8Array {
  return isStringData(data) ? [...data] : (data as Float32Array | Int32Array | Uint8Array)
}

/** The values of a tensor, in an array of their own: it may be handed to another thread. */
export function fromTfTensor(result: TfTensor, name: string): Tensor {
  const { shape } = result
  switch (result.dtype) {
    case 'float32':
    case 'int32':
    case 'bool':
      return { dtype: result.dtype, shape, data: result.dataSync<'float32'>().slice() }
    case 'string':
      return { dtype: 'string', shape, data: result.dataSync<'string'>() as unknown as string[] }
    default:
      throw new ServingError(
        'MODEL_FAILED',
        `The output "${name}" has the element type ${result.dtype}, which Baton cannot pass`,
      )
  }
}
