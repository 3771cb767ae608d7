import type { io, Tensor } from '@tensorflow/tfjs-core'
import { isMapping } from '../../model/flavor.ts'
import { graphSpecs } from './graph-specs.ts'
import type { Network } from './network.ts'

/**
 * Ops for which TensorFlow.js needs the slower `executeAsync`
 * (tfjs-converter/src/executor/model_analysis.ts, `isControlFlow`, `isDynamicShape`, `isHashTable`).
 */
const DYNAMIC_OPS: ReadonlySet<unknown> = new Set([
  ...['Switch', 'Merge', 'Enter', 'Exit', 'NextIteration', 'StatelessIf', 'StatelessWhile'],
  ...['If', 'While', 'Where'],
  ...['NonMaxSuppressionV2', 'NonMaxSuppressionV3', 'NonMaxSuppressionV4', 'NonMaxSuppressionV5'],
  ...['HashTable', 'HashTableV2', 'LookupTableImport', 'LookupTableImportV2'],
  ...['LookupTableFind', 'LookupTableFindV2', 'LookupTableSize', 'LookupTableSizeV2'],
])

/** A graph-model: what tensorflowjs_converter makes of a SavedModel. */
export async function openGraphModel(artifacts: io.ModelArtifacts): Promise<Network> {
  const { GraphModel } = await import('@tensorflow/tfjs-converter')
  const model = new GraphModel({ load: async () => artifacts })
  await model.load()
  const { inputs, outputs } = graphSpecs(artifacts.signature, model)
  const outputNames = outputs.map(({ name }) => name)
  return {
    inputs,
    outputs,
    run: hasDynamicOps(artifacts.modelTopology)
      ? async (feeds) => toList(await model.executeAsync(feeds, outputNames))
      : (feeds) => toList(model.execute(feeds, outputNames)),
    dispose: () => model.dispose(),
  }
}

function toList(outputs: Tensor | Tensor[]): readonly Tensor[] {
  return Array.isArray(outputs) ? outputs : [outputs]
}

function hasDynamicOps(topology: unknown): boolean {
  if (!isMapping(topology)) return false
  const library = isMapping(topology.library) ? topology.library.function : undefined
  const functions: unknown[] = Array.isArray(library) ? library : []
  return [topology.node, ...functions.map((one) => isMapping(one) && one.nodeDef)].some(
    (nodes) => Array.isArray(nodes) && nodes.some(({ op }) => DYNAMIC_OPS.has(op)),
  )
}
