import { ServingError } from '../errors.ts'
import { explainUnsupportedFlavor } from './unsupported-flavor.ts'

/** What an engine needs of an MLmodel flavor. */
export type EngineFlavor = OnnxFlavor | TfjsFlavor

export interface OnnxFlavor {
  readonly engine: 'onnx'
  /** Model file relative to the folder. */
  readonly data: string
  readonly sessionOptions: OnnxSessionOptions
}

/** `onnx_session_options` of the flavor (mlflow/onnx/__init__.py). */
export interface OnnxSessionOptions {
  readonly interOpThreads: number | undefined
  readonly intraOpThreads: number | undefined
  readonly executionMode: 'sequential' | 'parallel' | undefined
  readonly graphOptimizationLevel: 'disabled' | 'basic' | 'extended' | 'all' | undefined
  readonly extraSessionConfig: Readonly<Record<string, string>>
}

/** Baton's own flavor `tfjs`, since MLflow has none; `python/baton_tfjs.py` writes it. */
export interface TfjsFlavor {
  readonly engine: 'tfjs'
  /** Folder of `model.json` and its weights, or of a SavedModel, relative to the model folder. */
  readonly data: string
  readonly format: TfjsFormat
  /** Undefined leaves it to the settings. */
  readonly backend: TfjsBackend | undefined
}

/** `format` of a `model.json` that tensorflowjs_converter wrote, or TensorFlow's own. */
export type TfjsFormat = 'graph-model' | 'layers-model' | 'saved-model'

/** What computes: `auto` is wasm, or cpu where wasm lacks a kernel that the model needs. */
export type TfjsBackend = 'auto' | 'wasm' | 'cpu' | 'tfjs-node'

const TFJS_FORMATS: readonly TfjsFormat[] = ['graph-model', 'layers-model', 'saved-model']
const TFJS_BACKENDS: readonly TfjsBackend[] = ['auto', 'wasm', 'cpu', 'tfjs-node']

type Mapping = Readonly<Record<string, unknown>>

/** `graph_optimization_level` is the number of ONNX Runtime's enumeration `GraphOptimizationLevel`. */
const OPTIMIZATION_LEVELS: Readonly<Record<string, OnnxSessionOptions['graphOptimizationLevel']>> =
  { 0: 'disabled', 1: 'basic', 2: 'extended', 99: 'all' }

/**
 * The flavor that an engine here can run, out of all that the model was saved with.
 * @throws ServingError MODEL_UNSUPPORTED when there is none, saying how to convert; MODEL_INVALID.
 */
export function chooseFlavor(flavors: unknown): EngineFlavor {
  if (!isMapping(flavors) || Object.keys(flavors).length === 0) {
    throw invalid('Expected MLmodel to have a mapping "flavors" with at least one flavor')
  }
  // A model saved as both: ONNX is several times faster.
  if ('onnx' in flavors) return readOnnx(flavors.onnx)
  if ('tfjs' in flavors) return readTfjs(flavors.tfjs)
  return readSavedModel(flavors.tensorflow) ?? unsupported(flavors)
}

function unsupported(flavors: Mapping): never {
  throw explainUnsupportedFlavor(flavors)
}

/** The flavor `tensorflow` of a `tf.Module` (mlflow/tensorflow/__init__.py, `_MODEL_TYPE_TF2_MODULE`). */
function readSavedModel(tensorflow: unknown): TfjsFlavor | undefined {
  if (!isMapping(tensorflow) || tensorflow.model_type !== 'tf2-module') return undefined
  const data = relativePath(tensorflow.saved_model_dir, 'flavors.tensorflow.saved_model_dir')
  return { engine: 'tfjs', data, format: 'saved-model', backend: 'tfjs-node' }
}

function readOnnx(onnx: unknown): OnnxFlavor {
  if (!isMapping(onnx)) throw invalid('Expected flavors.onnx of MLmodel to be a mapping')
  return {
    engine: 'onnx',
    data: relativePath(onnx.data, 'flavors.onnx.data'),
    sessionOptions: readSessionOptions(onnx.onnx_session_options),
  }
}

function readTfjs(tfjs: unknown): TfjsFlavor {
  if (!isMapping(tfjs)) throw invalid('Expected flavors.tfjs of MLmodel to be a mapping')
  return {
    engine: 'tfjs',
    data: relativePath(tfjs.data, 'flavors.tfjs.data'),
    format: oneOf(TFJS_FORMATS, tfjs.format, 'flavors.tfjs.format'),
    backend:
      tfjs.backend === undefined || tfjs.backend === null
        ? undefined
        : oneOf(TFJS_BACKENDS, tfjs.backend, 'flavors.tfjs.backend'),
  }
}

function oneOf<T extends string>(choices: readonly T[], value: unknown, where: string): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  const expected = choices.join(', ')
  throw invalid(`Expected ${where} to be one of ${expected}, got ${JSON.stringify(value)}`)
}

/**
 * A path inside the model folder.
 * @throws ServingError MODEL_INVALID when it is missing, absolute or climbs out.
 */
export function relativePath(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') {
    throw invalid(`Expected ${where} of MLmodel to be a file name, got ${JSON.stringify(value)}`)
  }
  const absolute = /^([/\\]|[A-Za-z]:)/.test(value)
  if (absolute || value.split(/[/\\]/).includes('..') || value.includes('\0')) {
    throw invalid(`Expected ${where} of MLmodel to lie inside the model folder, got "${value}"`)
  }
  return value
}

function readSessionOptions(value: unknown): OnnxSessionOptions {
  const options = value ?? {}
  const where = 'flavors.onnx.onnx_session_options'
  if (!isMapping(options)) throw invalid(`Expected ${where} of MLmodel to be a mapping or null`)
  return {
    interOpThreads: threadCount(options.inter_op_num_threads, `${where}.inter_op_num_threads`),
    intraOpThreads: threadCount(options.intra_op_num_threads, `${where}.intra_op_num_threads`),
    executionMode: executionMode(options.execution_mode, `${where}.execution_mode`),
    graphOptimizationLevel: optimizationLevel(
      options.graph_optimization_level,
      `${where}.graph_optimization_level`,
    ),
    extraSessionConfig: stringMap(options.extra_session_config, `${where}.extra_session_config`),
  }
}

/** 0 leaves the number to ONNX Runtime, which is the same as not giving it. */
function threadCount(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null || value === 0) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(`Expected ${where} to be a whole number from 0 up, got ${JSON.stringify(value)}`)
}

function executionMode(value: unknown, where: string): OnnxSessionOptions['executionMode'] {
  if (value === undefined || value === null) return undefined
  const mode = typeof value === 'string' ? value.toLowerCase() : value
  if (mode === 'sequential' || mode === 'parallel') return mode
  throw invalid(`Expected ${where} to be sequential or parallel, got ${JSON.stringify(value)}`)
}

function optimizationLevel(
  value: unknown,
  where: string,
): OnnxSessionOptions['graphOptimizationLevel'] {
  if (value === undefined || value === null) return undefined
  const level = OPTIMIZATION_LEVELS[String(value)]
  if (level !== undefined) return level
  throw invalid(`Expected ${where} to be 0, 1, 2 or 99, got ${JSON.stringify(value)}`)
}

function stringMap(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {}
  if (!isMapping(value)) throw invalid(`Expected ${where} to be a mapping`)
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string' && typeof entry !== 'number') {
      throw invalid(`Expected ${where}."${key}" to be a string, got ${JSON.stringify(entry)}`)
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, String(entry)]))
}

/** Whether a YAML value is a mapping. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string): ServingError {
  return new ServingError('MODEL_INVALID', message)
}
