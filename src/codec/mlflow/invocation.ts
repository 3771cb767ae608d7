import type { EngineFlavor } from '../../model/flavor.ts'
import type { Signature } from '../../model/signature.ts'
import type { NamedTensors, TensorSpec } from '../../model/tensor.ts'

/** What decides how a request's bytes are read: fixed for the life of a version. */
export interface ModelContract {
  /** Signature of the MLmodel file; undefined where the model was saved without one. */
  readonly signature: Signature | undefined
  /** The graph's own inputs, in its order, as the engine reported them. */
  readonly inputs: readonly TensorSpec[]
  /** The graph's own outputs, in its order. */
  readonly outputs: readonly TensorSpec[]
  /** Which of MLflow's wrappers the model would have there; that of ONNX where nothing is said. */
  readonly wrapper?: Wrapper
}

/** mlflow/onnx/__init__.py, `_OnnxModelWrapper`; mlflow/tensorflow/__init__.py, `_KerasModelWrapper`. */
export type Wrapper = 'onnx' | 'keras'

/** The wrapper of a flavor. */
export function wrapperOf(flavor: EngineFlavor): Wrapper {
  return flavor.engine === 'tfjs' ? 'keras' : 'onnx'
}

/** How MLflow's wrapper shapes a prediction. */
export interface AnswerForm {
  /**
   * `records` when the wrapper was given a DataFrame: a list of objects. ONNX: outputs flattened, by name. Keras: the
   * columns of the output by number. `dict`: name to nested array; Keras: the nested array alone where it is the only one.
   */
  readonly layout: 'records' | 'dict'
  /** Whether the answer is wrapped as `{"predictions": ...}`; not for the unwrapped (LLM) request form. */
  readonly wrapped: boolean
}

/** A request that has been read: what to feed, and how to answer. Structured-cloneable. */
export interface Invocation {
  readonly feeds: NamedTensors
  readonly answer: AnswerForm
}

/** Settings of the codec, fixed for the process. */
export interface CodecOptions {
  /** Refuse NaN and Infinity in answers instead of writing them bare as MLflow does. */
  readonly strictJson: boolean
  /** MLFLOW_DISABLE_SCHEMA_DETAILS: generic texts in place of the signature's details. */
  readonly hideSchemaDetails: boolean
  /** Nested levels a JSON body may have (Python's own recursion limit lies near 1,000). */
  readonly maxDepth: number
  /** Columns that a request's data may have; pandas knows no limit. */
  readonly maxColumns: number
  /** Rows that a request may have; undefined for any number. */
  readonly maxRows?: number | undefined
  /** Bytes of the heap that the values of one JSON or CSV body may take, as estimated while it is read. */
  readonly maxMemoryBytes: number
}
