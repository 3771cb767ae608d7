import { type ErrorCode, ServingError } from '../errors.ts'

/** ONNX Runtime gives text alone: what its phrases mean, first match first. */
const LOAD_FAILURES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/Unsupported model IR version|is under development and support/, 'MODEL_UNSUPPORTED'],
  [/No Op registered for|is not a registered function\/op/, 'MODEL_UNSUPPORTED'],
  [/Could not find an implementation for/, 'MODEL_UNSUPPORTED'],
  [/not currently registered or supported|Unsupported data type/, 'MODEL_UNSUPPORTED'],
  [/Protobuf parsing failed|ModelProto does not have a graph/, 'MODEL_INVALID'],
  [/invalid model/i, 'MODEL_INVALID'],
  [/External data path|External initializer|Deserialize tensor/, 'MODEL_INVALID'],
  [/File doesn't exist/, 'MODEL_INVALID'],
]

/** Element types of ONNX (onnx.proto3, `TensorProto.DataType`) by number, as far as the binding lacks them. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
}

/**
 * Why a session could not be created, without the folder it was to be created from.
 * @param file the model file in that folder.
 */
export function loadFailure(error: unknown, folder: string, file: string): ServingError {
  const words = plainWords(error).replaceAll(`${folder}/`, '')
  const code = LOAD_FAILURES.find(([pattern]) => pattern.test(words))?.[1] ?? 'LOAD_FAILED'
  const named = words
    .replace(
      /Unsupported data type: (\d+)/,
      (_, type) =>
        `An input or output has the element type ${TYPE_NAMES[type] ?? `number ${type}`}, which onnxruntime-node cannot pass`,
    )
    .replace(/File doesn't exist$/, (phrase) => `${phrase}: ${file}`)
  return new ServingError(code, `ONNX Runtime cannot load this model: ${named}`, { cause: error })
}

/** Why a run failed. The words name inputs, nodes and shapes: the caller can often mend it. */
export function runFailure(error: unknown): ServingError {
  return new ServingError('MODEL_FAILED', `The model failed: ${plainWords(error)}`, {
    cause: error,
  })
}

/** The provider for CUDA is a library beside the binding that the plain npm package does not have. */
export function cudaFailure(error: unknown): ServingError {
  return new ServingError(
    'LOAD_FAILED',
    `Device cuda was asked for, and ONNX Runtime cannot use it: ${plainWords(error)}. ` +
      'Install its CUDA provider as docs/gpu.md says, with CUDA 12 and cuDNN 9, or serve on device cpu.',
    { cause: error },
  )
}

/** ONNX Runtime's message without its own source locations, C++ signatures and the path of the model. */
function plainWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .replace(/^Load model from .*? failed:(Load model .*? failed\. )?/s, '')
    .replaceAll(/\/onnxruntime_src\/\S+:\d+ .*?\) (?=[A-Z[]|[^()]* was false\.)/gs, '')
    .replaceAll(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replaceAll(/\b\w+\.cc:\d+ \w+ /g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
