import { PythonError } from '../python/python-error.ts'
import type { PyObject } from '../python/python-object.ts'
import { enforceSchema } from './enforce-schema.ts'
import type { AnswerForm, CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { kerasArray } from './keras-wrapper.ts'
import { makeFeeds } from './onnx-wrapper.ts'
import { enforceParams } from './params.ts'
import { unexpected } from './refusal.ts'
import type { RequestData } from './request-data.ts'

/** A body that has been parsed, before it meets the signature. */
export interface ParsedRequest {
  readonly data: RequestData
  readonly params: PyObject
  readonly wrapped: boolean
}

/**
 * What MLflow does with parsed data before the model runs: inputs are enforced, then params, then the wrapper makes
 * its feeds (mlflow/pyfunc/__init__.py, `PyFuncModel._predict`).
 * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE.
 */
export function makeInvocation(
  request: ParsedRequest,
  contract: ModelContract,
  options: CodecOptions,
): Invocation {
  try {
    const { signature } = contract
    const checked = signature !== undefined && !signature.fromTypeHints
    const schema = checked ? signature.inputs : undefined
    const data =
      schema === undefined
        ? request.data
        : enforceSchema(request.data, schema, options.hideSchemaDetails)
    enforceParams(request.params, signature?.params)
    const answer: AnswerForm = {
      layout: data.kind === 'frame' ? 'records' : 'dict',
      wrapped: request.wrapped,
    }
    const adapt = contract.wrapper === 'keras' ? kerasArray : undefined
    return { feeds: makeFeeds(data, contract.inputs, adapt), answer }
  } catch (error) {
    if (error instanceof PythonError) throw unexpected(error.message)
    throw error
  }
}
