import util from 'node:util'
import { ServingError } from '../../errors.ts'
import type { SavedModels } from './saved-model-network.ts'

/** Named at run time only, so that nothing asks for the package where nobody installed it. */
const PACKAGE = '@tensorflow/tfjs-node'

/** What the package has beside its backend. */
interface TfjsNode {
  readonly node: SavedModels
}

/**
 * Loads the optional package, which registers the backend `tensorflow`.
 * @throws ServingError LOAD_FAILED telling a package that is missing from one whose install script did not run.
 */
export async function loadTfjsNode(): Promise<TfjsNode> {
  restoreRemovedFunctions()
  try {
    return (await import(PACKAGE)) as TfjsNode
  } catch (error) {
    throw tfjsNodeFailure(error)
  }
}

/** Why the package could not be loaded, and what to do. */
export function tfjsNodeFailure(cause: unknown): ServingError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (/tfjs_binding\.node|libtensorflow/.test(message)) {
    return new ServingError(
      'LOAD_FAILED',
      `${PACKAGE} is installed, but its install script did not run or could not download libtensorflow. ` +
        `Run npm rebuild ${PACKAGE} --build-from-source where the network allows it (TFJS_NODE_CDN_STORAGE names another source; ` +
        'npm 12 wants the script allowed), or choose the wasm or cpu backend',
      { cause },
    )
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    return new ServingError(
      'LOAD_FAILED',
      `The backend tfjs-node was asked for, and ${PACKAGE} is not installed. ` +
        `Install it (npm install --save-prod --save-exact ${PACKAGE}@4.22.0), or choose the wasm or cpu backend`,
      { cause },
    )
  }
  return new ServingError('LOAD_FAILED', `${PACKAGE} cannot be loaded: ${message}`, { cause })
}

/** tfjs-node 4.22 calls two functions of `node:util` that Node 23 removed. */
function restoreRemovedFunctions(): void {
  const removed = {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: Array.isArray,
  }
  for (const [name, replacement] of Object.entries(removed)) {
    if (!(name in util)) Object.defineProperty(util, name, { value: replacement })
  }
}
