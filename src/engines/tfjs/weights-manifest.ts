import type { io } from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import { isMapping } from '../../model/flavor.ts'

/** Weights that lie one after the other in some files. */
export interface WeightGroup {
  /** Relative to `model.json`, in order. */
  readonly paths: readonly string[]
  readonly weights: io.WeightsManifestEntry[]
  /** Bytes of all files together; undefined where text is among the weights, which says its own length. */
  readonly bytes: number | undefined
}

/** Bytes an element takes in a weights file (tfjs-core/src/io/io_utils.ts, `decodeWeight`). */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  complex64: 8,
  float16: 2,
  uint16: 2,
  uint8: 1,
}

/**
 * `weightsManifest` of a `model.json`.
 * @throws ServingError MODEL_INVALID naming the weight.
 */
export function weightGroups(manifest: unknown): readonly WeightGroup[] {
  if (!Array.isArray(manifest)) {
    throw invalid('Expected model.json to have a list weightsManifest')
  }
  return manifest.map((group: unknown) => {
    if (!isMapping(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
      throw invalid('Expected each group of weightsManifest to have lists of paths and weights')
    }
    const paths = group.paths.map((path: unknown) => {
      if (typeof path === 'string' && path !== '') return path
      throw invalid(`Expected the paths of weightsManifest to be text, got ${JSON.stringify(path)}`)
    })
    const weights = group.weights.map(weightEntry)
    return { paths, weights, bytes: groupBytes(weights) }
  })
}

function weightEntry(entry: unknown): io.WeightsManifestEntry {
  if (isMapping(entry) && typeof entry.name === 'string' && Array.isArray(entry.shape)) {
    return entry as unknown as io.WeightsManifestEntry
  }
  throw invalid('Expected each weight of weightsManifest to have a name and a shape')
}

function groupBytes(weights: readonly io.WeightsManifestEntry[]): number | undefined {
  let bytes = 0
  for (const { name, shape, dtype, quantization } of weights) {
    if (dtype === 'string') return undefined
    const stored = quantization?.dtype ?? dtype
    const size = ELEMENT_BYTES[stored]
    if (size === undefined) {
      throw invalid(`The weight "${name}" is stored as ${stored}, which TensorFlow.js cannot read`)
    }
    bytes += shape.reduce((count, dimension) => count * dimension, size)
  }
  return bytes
}

function invalid(message: string): ServingError {
  return new ServingError('MODEL_INVALID', message)
}
