import type { Engine } from '../interfaces.ts'
import type { EngineFlavor } from '../model/flavor.ts'

/** The engine of a flavor, imported when a thread gets its first such model: each is megabytes that others need not pay. */
export async function engineFor(flavor: EngineFlavor): Promise<Engine> {
  switch (flavor.engine) {
    case 'onnx':
      return (await import('./onnx-engine.ts')).onnxEngine
    case 'tfjs':
      return (await import('./tfjs/tfjs-engine.ts')).tfjsEngine
  }
}
