import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WEIGHTS } from './classifier.ts'

/**
 * The classifier as a Keras layers-model for TensorFlow.js: a recurrent layer over a series of one step,
 * h = x @ W + h_before @ U + VERSION / 1000. The state before the first step is zero, so it scores as the ONNX model
 * does; a stateful one scores otherwise as soon as a request sees the state that the last one left.
 *
 * @param options.rows first dimension of the input, null where it is free. Keras demands a number of a stateful layer.
 */
export function writeRecurrentVersion(
  folder: string,
  version: number,
  {
    stateful = false,
    rows = null,
  }: { readonly stateful?: boolean; readonly rows?: number | null } = {},
): void {
  const layer = {
    class_name: 'SimpleRNN',
    config: { name: 'y', units: 2, activation: 'linear', use_bias: true, stateful },
  }
  const input = {
    class_name: 'InputLayer',
    config: { name: 'x', batch_input_shape: [rows, 1, 4], dtype: 'float32', sparse: false },
  }
  const weights = [
    { name: 'y/kernel', shape: [4, 2], values: WEIGHTS.flat() },
    { name: 'y/recurrent_kernel', shape: [2, 2], values: [1, 0, 0, 1] },
    { name: 'y/bias', shape: [2], values: [version / 1000, version / 1000] },
  ]
  const model = {
    format: 'layers-model',
    modelTopology: {
      keras_version: '2.16.0',
      backend: 'tensorflow',
      model_config: { class_name: 'Sequential', config: { name: 'rnn', layers: [input, layer] } },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  }
  const files = join(folder, 'model')
  mkdirSync(files, { recursive: true })
  writeFileSync(join(files, 'model.json'), JSON.stringify(model))
  const bytes = Float32Array.from(weights.flatMap(({ values }) => values))
  writeFileSync(join(files, 'weights.bin'), bytes)
  writeFileSync(join(folder, 'MLmodel'), MLMODEL)
}

const spec = (shape: readonly number[]) =>
  JSON.stringify([{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape } }])

const MLMODEL = `flavors:
  tfjs: {data: model, format: layers-model}
signature:
  inputs: '${spec([-1, 1, 4])}'
  outputs: '${spec([-1, 2])}'
`
