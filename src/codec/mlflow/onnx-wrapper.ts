import { DTYPES, type NamedTensors, type Tensor, type TensorSpec } from '../../model/tensor.ts'
import { type Frame, framePositions } from '../pandas/frame.ts'
import { frameValues } from '../pandas/frame-values.ts'
import { dtypeNamed, FLOAT32, onnxType } from '../python/dtype.ts'
import { numpyArray } from '../python/numpy-array.ts'
import { castNumbers } from '../python/numpy-cast.ts'
import { surrogateError } from '../python/python-error.ts'
import {
  element,
  isList,
  NdArray,
  type PyDict,
  type PyObject,
  typeName,
} from '../python/python-object.ts'
import { pythonRepr, pythonText } from '../python/python-text.ts'
import { failedToPredict } from './enforce-schema.ts'
import { badRequest, unexpected } from './refusal.ts'
import type { RequestData } from './request-data.ts'

/**
 * What MLflow's ONNX wrapper feeds (mlflow/onnx/__init__.py, `_OnnxModelWrapper.predict`), checked against the graph's
 * inputs as ONNX Runtime would, so that a request that cannot run joins no batch.
 * @throws ServingError INPUT_NOT_MAPPABLE for one array and several inputs; INVALID_REQUEST with a stack trace for the rest.
 */
export function makeFeeds(
  data: RequestData,
  inputs: readonly TensorSpec[],
  adapt: AdaptArray = onnxArray,
): NamedTensors {
  switch (data.kind) {
    case 'array':
      return feedsOfArray(data.array, inputs, adapt)
    case 'frame':
      return feedsOfFrame(data.frame, inputs, adapt)
    case 'dict':
      return feedsOfDict(data.dict, inputs, adapt)
    default:
      throw unexpected('Input should be a dictionary or a numpy array or a pandas.DataFrame')
  }
}

function feedsOfArray(
  array: NdArray,
  inputs: readonly TensorSpec[],
  adapt: AdaptArray,
): NamedTensors {
  const [input] = inputs
  if (input !== undefined && inputs.length === 1)
    return named([[input.name, feed(adapt(array, input), input)]])
  const names = inputs.map((spec) => pythonRepr(spec.name)).join(', ')
  throw failedToPredict(
    'INPUT_NOT_MAPPABLE',
    'Unable to map numpy array input to the expected model ' +
      'input. ' +
      'Numpy arrays can only be used as input for MLflow ONNX ' +
      'models that have a single input. This model requires ' +
      `${inputs.length} inputs. Please pass in data as either a ` +
      'dictionary or a DataFrame with the following tensors' +
      `: [${names}].`,
  )
}

function feedsOfFrame(
  frame: Frame,
  inputs: readonly TensorSpec[],
  adapt: AdaptArray,
): NamedTensors {
  const [input] = inputs
  if (input !== undefined && inputs.length === 1)
    return named([[input.name, feed(adapt(frameValues(frame), input), input)]])
  return named(
    inputs.map((spec) => {
      const [position, second] = framePositions(frame, spec.name)
      if (second !== undefined) throw unexpected(`Two columns are named '${spec.name}'`)
      const column = position === undefined ? undefined : frame.columns[position]
      if (column === undefined)
        throw unexpected(
          `The data has no column '${spec.name}', which the model's input of that name needs`,
        )
      return [spec.name, feed(adapt(column, spec), spec)]
    }),
  )
}

function feedsOfDict(dict: PyDict, inputs: readonly TensorSpec[], adapt: AdaptArray): NamedTensors {
  const byName = new Map(inputs.map((spec) => [spec.name, spec]))
  // ONNX Runtime passes over what is None, whether there is such an input or not.
  for (const [name, value] of dict) {
    if (value !== null && !byName.has(name)) throw unexpected(`Invalid input name: ${name}`)
  }
  return named(
    inputs.map((spec) => {
      const value = dict.get(spec.name)
      if (value === undefined) {
        throw unexpected(`Required input (${spec.name}) is missing from the request`)
      }
      return [spec.name, feed(adapt(arrayOf(value, spec), spec), spec)]
    }),
  )
}

/** ONNX Runtime makes an array of a list; but MLflow's wrapper asks what is fed to a float input for its dtype first. */
function arrayOf(value: PyObject, spec: TensorSpec): NdArray {
  if (value instanceof NdArray) return value
  if (!isList(value) || spec.dtype === 'float32') {
    throw unexpected(`Expected an array for input '${spec.name}', got ${typeName(value)}`)
  }
  return numpyArray(value, dtypeNamed(DTYPES[spec.dtype].numpy))
}

function named(feeds: readonly (readonly [string, Tensor])[]): NamedTensors {
  return Object.fromEntries(feeds)
}

/** What a wrapper makes of an array before the model gets it. */
export type AdaptArray = (array: NdArray, spec: TensorSpec) => NdArray

function onnxArray(array: NdArray, spec: TensorSpec): NdArray {
  const narrows = array.dtype.name === 'float64' && spec.dtype === 'float32'
  return narrows ? castNumbers(array, FLOAT32) : array
}

function feed(array: NdArray, spec: TensorSpec): Tensor {
  const dtype = onnxType(array.dtype)
  if (dtype !== spec.dtype) {
    throw unexpected(
      `Unexpected input data type for '${spec.name}'. Actual: (tensor(${array.dtype.name})), expected: (tensor(${spec.dtype}))`,
    )
  }
  checkShape(array.shape, spec)
  return {
    dtype,
    shape: array.shape,
    data: dtype === 'string' ? textData(array, spec) : (array.data as Float32Array),
  }
}

/** A spec without dimensions may be a scalar or of unknown rank: ONNX Runtime looks at neither beforehand. */
function checkShape(shape: readonly number[], spec: TensorSpec): void {
  if (spec.shape.length === 0) return
  if (shape.length !== spec.shape.length) {
    throw unexpected(
      `Invalid rank for input: ${spec.name} Got: ${shape.length} Expected: ${spec.shape.length} Please fix either the inputs/outputs or the model.`,
    )
  }
  for (const [axis, expected] of spec.shape.entries()) {
    if (expected < 0 || expected === shape[axis]) continue
    throw unexpected(
      `Got invalid dimensions for input: ${spec.name} for the following indices index: ${axis} Got: ${shape[axis]} Expected: ${expected} Please fix either the inputs/outputs or the model.`,
    )
  }
}

/** ONNX Runtime takes `str()` of each object, and cuts the text of a text array at a NUL. */
function textData(array: NdArray, spec: TensorSpec): readonly string[] {
  return Array.from({ length: array.data.length }, (_, i) => {
    const text = elementText(array, i)
    if (text.includes('\0')) {
      // onnxruntime-node would cut the text there, and the model would answer to something else.
      throw badRequest(
        `Text with a NUL character cannot be passed to the model's input '${spec.name}'`,
      )
    }
    const error = surrogateError(text)
    if (error !== undefined) throw error
    return text
  })
}

function elementText(array: NdArray, i: number): string {
  const value = element(array, i)
  if (array.dtype.kind === 'O') return pythonText(value)
  const text =
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : pythonText(value)
  return text.split('\0', 1)[0] ?? ''
}
