import { ServingError } from '../../errors.ts'
import type { Schema } from '../../model/signature.ts'
import { PythonError } from '../python/python-error.ts'
import { enforceColumns } from './enforce-columns.ts'
import { enforceTensors } from './enforce-tensors.ts'
import type { RefusalDetails } from './refusal.ts'
import type { RequestData } from './request-data.ts'
import { schemaText } from './schema-text.ts'

/**
 * Checks data against the signature's inputs and puts it into their order and types (mlflow/models/utils.py,
 * `_enforce_schema`). MLflow's message begins with the data it was given; ours leaves the data out.
 * @throws ServingError INVALID_INPUT of the class SCHEMA_ENFORCEMENT_FAILED.
 */
export function enforceSchema(
  data: RequestData,
  schema: Schema,
  hideDetails: boolean,
): RequestData {
  try {
    return schema.kind === 'columns'
      ? enforceColumns(data, schema.columns, hideDetails)
      : enforceTensors(data, schema.tensors, hideDetails)
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    const reason = hideDetails
      ? 'Failed to enforce model input schema. Please check your input data.'
      : `Failed to enforce schema of data with schema '${schemaText(schema)}'. Error: ${error.message}`
    throw failedToPredict('INVALID_INPUT', reason, { errorClass: 'SCHEMA_ENFORCEMENT_FAILED' })
  }
}

/** A failure inside `model.predict`, whose message MLflow begins with the data. */
export function failedToPredict(
  code: 'INVALID_INPUT' | 'INPUT_NOT_MAPPABLE',
  reason: string,
  details: RefusalDetails = {},
): ServingError {
  return new ServingError(code, `Failed to predict data. \nError: ${reason}`, { details })
}
