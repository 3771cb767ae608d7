import { ServingError } from '../../errors.ts'
import type { TfjsBackend } from '../../model/flavor.ts'

/** Words of TensorFlow.js for a kernel that a backend has not, or has for other inputs only. First match first. */
const MISSING_KERNEL: readonly RegExp[] = [
  /Kernel '(\w+)' not registered for backend/,
  /(\w+) only supports rank-\d+ bias/,
  /^(\w+) for non non-float32 tensors not yet supported/,
  /activation not yet supported for (\w+)/,
  /backend (\w+) does not support dataFormat/,
  /was backend only supports (average pooling) with dilation/,
  /'(\w+)' not yet implemented or not found in the registry/,
]

/** Why a model could not be opened. */
export function loadFailure(error: unknown): ServingError {
  if (error instanceof ServingError) return error
  return (
    unknownOp(error) ??
    new ServingError('LOAD_FAILED', `TensorFlow.js cannot load this model: ${words(error)}`, {
      cause: error,
    })
  )
}

/** Why a run failed. The words name ops and shapes: the caller can often mend it. */
export function runFailure(error: unknown): ServingError {
  if (error instanceof ServingError) return error
  return new ServingError('MODEL_FAILED', `The model failed: ${words(error)}`, { cause: error })
}

/** The failure where it is one of an op that TensorFlow.js does not have on any backend. */
export function unknownOp(error: unknown): ServingError | undefined {
  const op = /Unknown op '([^']+)'/.exec(words(error))?.[1]
  if (op === undefined) return undefined
  return new ServingError(
    'MODEL_UNSUPPORTED',
    `The graph has the op ${op}, which TensorFlow.js does not have. ` +
      'Convert the model to ONNX (python -m tf2onnx.convert --saved-model FOLDER --output model.onnx), or leave the op out of what is exported',
    { cause: error },
  )
}

/** Name of the kernel for want of which a run failed; undefined where it failed for another reason. */
export function missingKernel(error: unknown): string | undefined {
  const text = words(error)
  for (const pattern of MISSING_KERNEL) {
    const kernel = pattern.exec(text)?.[1]
    if (kernel !== undefined) return kernel
  }
  return undefined
}

/** `movable` says that the backend was our choice, so that another one may be tried. */
export function kernelFailure(
  kernel: string,
  backend: TfjsBackend,
  movable: boolean,
  cause: unknown,
): ServingError {
  return new ServingError(
    'MODEL_UNSUPPORTED',
    `The ${backend} backend of TensorFlow.js lacks the kernel ${kernel} that this model needs. ` +
      'Serve it on the cpu backend (--tfjs-backend cpu, or auto), or convert it to ONNX',
    { cause, details: { missingKernel: kernel, backend, movable } },
  )
}

function words(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replaceAll(/\s+/g, ' ').trim()
}
