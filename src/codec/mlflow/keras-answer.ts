import { elementCount, isStringData, type Tensor } from '../../model/tensor.ts'
import {
  type JsonFrame,
  type JsonWriteOptions,
  type NamedTensor,
  writeTensorDict,
  writeTensorNested,
  writeTensorRecords,
} from '../json/writer.ts'
import type { AnswerForm } from './invocation.ts'
import { unexpected } from './refusal.ts'

/**
 * What MLflow's scoring server answers for a Keras model (mlflow/tensorflow/__init__.py, `_KerasModelWrapper.predict`):
 * an array as nested lists, or the records of a DataFrame whose columns are numbered. Several outputs, for which that
 * wrapper has no form that can be served, go by name as those of a SavedModel (`_TF2Wrapper.predict`).
 * @throws ServingError OUTPUT_NOT_ENCODABLE in strict JSON; INVALID_REQUEST where an output is no frame.
 */
export function writeKerasAnswer(
  layout: AnswerForm['layout'],
  outputs: readonly NamedTensor[],
  frame: JsonFrame,
  options: JsonWriteOptions,
): string | Uint8Array {
  const [only, ...others] = outputs
  const isAlone = only !== undefined && others.length === 0
  if (layout === 'records') {
    const columns = isAlone ? numbered(only[1]) : outputs.map(asColumn)
    return writeTensorRecords(columns, frame, options)
  }
  if (!isAlone) return writeTensorDict(outputs, frame, options)
  return framed(frame, writeTensorNested(only[0], only[1], options))
}

/** `pandas.DataFrame(array)` */
function numbered({ dtype, shape, data }: Tensor): NamedTensor[] {
  const [rows = 1, width = 1, ...more] = shape
  if (shape.length === 0 || more.length > 0) {
    throw unexpected(
      shape.length === 0
        ? 'DataFrame constructor not properly called!'
        : `Must pass 2-d input. shape=(${shape.join(', ')})`,
    )
  }
  return Array.from({ length: width }, (_, column): NamedTensor => {
    const values = isStringData(data)
      ? data.filter((_, i) => i % width === column)
      : data.filter((_: unknown, i: number) => i % width === column)
    return [String(column), { dtype, shape: [rows], data: values }]
  })
}

function asColumn([name, tensor]: NamedTensor): NamedTensor {
  const rows = tensor.shape[0]
  if (rows !== undefined && elementCount(tensor.shape) === rows) return [name, tensor]
  throw unexpected(
    `The output '${name}' has the shape (${tensor.shape.join(', ')}), which is no column of a DataFrame. ` +
      'Send the request as inputs or instances: their answers are nested lists',
  )
}

function framed(frame: JsonFrame, text: string | Uint8Array): string | Uint8Array {
  if (typeof text === 'string') return `${frame.before}${text}${frame.after}`
  return Buffer.concat([Buffer.from(frame.before), text, Buffer.from(frame.after)])
}
