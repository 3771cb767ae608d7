import type { LoadedModelInfo } from '../../interfaces.ts'
import type { TensorSpec } from '../../model/tensor.ts'
import type { BatchSettings } from '../settings.ts'

/**
 * Why requests of a model cannot share a batch, as far as its specs tell; undefined where they may. A spec
 * without dimensions says nothing: an engine reports it for an unknown rank as well as for a scalar.
 */
export function batchingObstacle(
  info: Pick<LoadedModelInfo, 'inputs' | 'outputs'>,
  settings: BatchSettings,
): string | undefined {
  if (settings.maxRows <= 1) return 'batching is switched off'
  return fixedLeading('input', info.inputs) ?? fixedLeading('output', info.outputs)
}

function fixedLeading(kind: string, specs: readonly TensorSpec[]): string | undefined {
  for (const spec of specs) {
    const leading = spec.shape[0]
    if (leading !== undefined && leading >= 0) {
      return `the first dimension of ${kind} "${spec.name}" is fixed at ${leading}`
    }
  }
  return undefined
}
