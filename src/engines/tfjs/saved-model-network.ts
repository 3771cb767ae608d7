import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import type { TensorSpec } from '../../model/tensor.ts'
import { toDType } from './graph-specs.ts'
import type { Network } from './network.ts'
import { loadTfjsNode } from './tfjs-node.ts'

/** What is used of tfjs-node (tfjs-node/src/saved_model.ts), whose types come with the optional package. */
export interface SavedModels {
  getMetaGraphsFromSavedModel(path: string): Promise<readonly MetaGraph[]>
  loadSavedModel(path: string, tags: readonly string[], signature: string): Promise<SavedModel>
}

interface MetaGraph {
  readonly tags: readonly string[]
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>
}

interface SignatureDef {
  readonly inputs: Readonly<Record<string, TensorInfo>>
  readonly outputs: Readonly<Record<string, TensorInfo>>
}

interface TensorInfo {
  readonly tfDtype: string
  readonly shape: readonly { getSize(): number }[]
}

interface SavedModel {
  predict(feeds: NamedTensorMap): NamedTensorMap
  dispose(): void
}

const TAG = 'serve'
const SIGNATURE = 'serving_default'

/**
 * A SavedModel, as TensorFlow itself writes it, through tfjs-node.
 * @throws ServingError MODEL_INVALID, MODEL_UNSUPPORTED.
 */
export async function openSavedModel(path: string): Promise<Network> {
  const { getMetaGraphsFromSavedModel, loadSavedModel } = (await loadTfjsNode()).node
  const { tags, definition } = findSignature(await getMetaGraphsFromSavedModel(path))
  const model = await loadSavedModel(path, tags, SIGNATURE)
  const outputs = specs(definition.outputs, 'output')
  return {
    inputs: specs(definition.inputs, 'input'),
    outputs,
    run: (feeds) => {
      const answered = model.predict(feeds)
      return outputs.map(({ name }) => answered[name] as Tensor)
    },
    dispose: () => model.dispose(),
  }
}

function findSignature(graphs: readonly MetaGraph[]): {
  readonly tags: readonly string[]
  readonly definition: SignatureDef
} {
  const graph = graphs.find(({ tags }) => tags.includes(TAG))
  const definition = graph?.signatureDefs[SIGNATURE]
  if (graph !== undefined && definition !== undefined) return { tags: graph.tags, definition }
  throw new ServingError(
    'MODEL_INVALID',
    `Expected a SavedModel with the signature ${SIGNATURE}: save it with tf.saved_model.save(model, folder, signatures=...)`,
  )
}

function specs(infos: Readonly<Record<string, TensorInfo>>, role: string): TensorSpec[] {
  return Object.entries(infos).map(([name, { tfDtype, shape }]) => ({
    name,
    dtype: toDType(tfDtype, name, role),
    shape: shape.map((dimension) => Math.max(dimension.getSize(), -1)),
  }))
}
