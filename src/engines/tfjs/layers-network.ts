import type { io, NamedTensorMap, Tensor } from '@tensorflow/tfjs-core'
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers'
import { ServingError } from '../../errors.ts'
import type { DType, TensorSpec } from '../../model/tensor.ts'
import type { Network } from './network.ts'

/** A layers-model: what `tensorflowjs.converters.save_keras_model` makes of a Keras 2 model. */
export async function openLayersModel(artifacts: io.ModelArtifacts): Promise<Network> {
  const { loadLayersModel } = await import('@tensorflow/tfjs-layers')
  const model = await loadLayersModel({ load: async () => artifacts })
  const inputs = specs(model.inputs)
  return {
    inputs,
    outputs: specs(model.outputs),
    run: (feeds) => predict(model, inputs, feeds),
    dispose: () => void model.dispose(),
  }
}

function predict(
  model: LayersModel,
  inputs: readonly TensorSpec[],
  feeds: NamedTensorMap,
): readonly Tensor[] {
  // A stateful RNN would otherwise remember the request before.
  if (model.stateful) model.resetStates()
  const tensors = inputs.flatMap(({ name }) => feeds[name] ?? [])
  // Unlike `predict`, without batches of 32 rows of its own.
  const outputs = model.predictOnBatch(tensors.length === 1 ? (tensors[0] as Tensor) : tensors)
  return Array.isArray(outputs) ? outputs : [outputs]
}

/** By the names of the layers, as Keras 2 names inputs and outputs. */
function specs(tensors: readonly SymbolicTensor[]): TensorSpec[] {
  const names = tensors.map((tensor) => tensor.sourceLayer.name)
  return tensors.map(({ dtype, shape }, i) => {
    const layer = names[i] ?? ''
    const earlier = names.slice(0, i).filter((name) => name === layer).length
    const name = earlier === 0 ? layer : `${layer}_${earlier}`
    if (dtype === 'complex64') {
      throw new ServingError('MODEL_UNSUPPORTED', `"${name}" is complex64, which Baton cannot pass`)
    }
    return { name, dtype: dtype as DType, shape: shape.map((size) => size ?? -1) }
  })
}
