import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core'
import type { TensorSpec } from '../../model/tensor.ts'

/** A model as one format of TensorFlow.js has it. */
export interface Network {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** Outputs in their order. What is made on the way belongs to the caller's scope. */
  run(feeds: NamedTensorMap): readonly Tensor[] | Promise<readonly Tensor[]>
  dispose(): void
}
