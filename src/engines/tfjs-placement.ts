import { ServingError } from '../errors.ts'
import type { EngineOptions } from '../interfaces.ts'
import type { EngineFlavor, TfjsBackend, TfjsFlavor } from '../model/flavor.ts'

/** Models that may share a worker: of one engine; and tfjs-node has threads of its own. */
export type WorkerGroup = EngineFlavor['engine'] | 'tfjs-node'

/** The backend that a model asks for. Settings outrank the flavor; only tfjs-node reads a SavedModel. */
export function tfjsBackendOf(flavor: TfjsFlavor, options: EngineOptions): TfjsBackend {
  if (flavor.format === 'saved-model') return 'tfjs-node'
  return options.tfjsBackend ?? flavor.backend ?? 'auto'
}

export function workerGroup(flavor: EngineFlavor, options: EngineOptions): WorkerGroup {
  if (flavor.engine !== 'tfjs') return flavor.engine
  return tfjsBackendOf(flavor, options) === 'tfjs-node' ? 'tfjs-node' : 'tfjs'
}

/** The kernel for want of which a backend that was our choice could not run the model. */
export function movableFor(error: unknown): string | undefined {
  if (!(error instanceof ServingError) || error.details.movable !== true) return undefined
  return String(error.details.missingKernel)
}
