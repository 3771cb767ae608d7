import { ServingError } from '../../errors.ts'

/**
 * What an INVALID_REQUEST, INVALID_INPUT or INPUT_NOT_MAPPABLE of this codec says to the error body, beside its message.
 * `errorClass` is given where it is not the usual one of the error code; `stackTrace` where MLflow's body has that key.
 */
export interface RefusalDetails extends Readonly<Record<string, unknown>> {
  readonly errorClass?: string
  readonly stackTrace?: string
}

/** MLflow's BAD_REQUEST: the body, its envelope or its values cannot be read. */
export function badRequest(message: string, details: RefusalDetails = {}): ServingError {
  return new ServingError('INVALID_REQUEST', message, { details })
}

/** MLflow's `MlflowInvalidInputException` (mlflow/utils/proto_json_utils.py). */
export function invalidInput(message: string): ServingError {
  return badRequest(`Invalid input. ${message}`)
}

/** The text for whatever fails in a model that is no MlflowException; the reason is not in it. */
export const UNEXPECTED_FAILURE =
  'Encountered an unexpected error while evaluating the model. Verify' +
  ' that the serialized input Dataframe is compatible with the model for' +
  ' inference.'

/** What MLflow answers when prediction raises: the reason stands in the stack trace only. */
export function unexpected(reason: string): ServingError {
  return badRequest(UNEXPECTED_FAILURE, { stackTrace: reason })
}
