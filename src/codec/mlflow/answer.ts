import { elementCount, isStringData, type NamedTensors, type Tensor } from '../../model/tensor.ts'
import {
  type JsonFrame,
  type NamedTensor,
  writeTensorDict,
  writeTensorRecords,
} from '../json/writer.ts'
import type { AnswerForm, CodecOptions, ModelContract } from './invocation.ts'
import { writeKerasAnswer } from './keras-answer.ts'
import { unexpected } from './refusal.ts'

const WRAPPED: JsonFrame = { before: '{"predictions": ', after: '}' }
const BARE: JsonFrame = { before: '', after: '' }

/**
 * The body of an answer (mlflow/onnx/__init__.py, `predict`; mlflow/pyfunc/scoring_server/__init__.py, `predictions_to_json`).
 * @throws ServingError OUTPUT_NOT_ENCODABLE in strict JSON; INVALID_REQUEST where outputs of different length are to be one frame.
 */
export function writeAnswer(
  form: AnswerForm,
  outputs: NamedTensors,
  contract: ModelContract,
  options: CodecOptions,
): string | Uint8Array {
  const tensors = contract.outputs.map(({ name }): NamedTensor => {
    const tensor = outputs[name]
    if (tensor === undefined) throw unexpected(`The model gave no output '${name}'`)
    return [name, form.layout === 'dict' ? spelledOut(tensor) : tensor]
  })
  const frame = form.wrapped ? WRAPPED : BARE
  const strict = { strict: options.strictJson }
  if (contract.wrapper === 'keras') return writeKerasAnswer(form.layout, tensors, frame, strict)
  if (form.layout === 'dict') return writeTensorDict(tensors, frame, strict)
  const rows = tensors.map(([, tensor]) => elementCount(tensor.shape))
  if (rows.some((count) => count !== rows[0])) {
    throw unexpected('All arrays must be of the same length')
  }
  return writeTensorRecords(tensors, frame, strict)
}

/** MLflow's encoder takes a text without dimensions for the list of its letters. */
function spelledOut(tensor: Tensor): Tensor {
  if (!isStringData(tensor.data) || tensor.shape.length > 0) return tensor
  const letters = [...(tensor.data[0] ?? '')]
  return { dtype: 'string', shape: [letters.length], data: letters }
}
