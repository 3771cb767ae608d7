import { describe, expect, it } from 'vitest'
import { errorAnswer } from '../../../src/codec/mlflow/error-body.ts'
import { ServingError } from '../../../src/errors.ts'

describe('errorAnswer', () => {
  it('is the JSON of an MlflowException, written as Python writes it', () => {
    expect(errorAnswer(new ServingError('INVALID_REQUEST', 'é "quoted"\n\x7f😀'))).toEqual({
      status: 400,
      contentType: 'application/json',
      body: '{"error_code": "BAD_REQUEST", "message": "\\u00e9 \\"quoted\\"\\n\\u007f\\ud83d\\ude00", "sqlstate": "KAM00", "error_class": "INVALID_PARAMETER_VALUE"}',
    })
  })

  it('takes the error class that a refusal gives, and the state that goes with it', () => {
    const details = { errorClass: 'SCHEMA_ENFORCEMENT_FAILED' }
    expect(errorAnswer(new ServingError('INVALID_INPUT', 'no', { details })).body).toBe(
      '{"error_code": "INVALID_PARAMETER_VALUE", "message": "no", "sqlstate": "KAM01", "error_class": "SCHEMA_ENFORCEMENT_FAILED"}',
    )
  })

  it('says of a failed run what MLflow says, with the engine in the stack trace and no path of its source', () => {
    const error = new ServingError(
      'MODEL_FAILED',
      'bad node /onnxruntime_src/onnxruntime/core/x.cc:12 here',
    )
    const body = JSON.parse(errorAnswer(error).body)
    expect(body.error_code).toBe('BAD_REQUEST')
    expect(body.message).toMatch(/^Encountered an unexpected error while evaluating the model\./)
    expect(body.stack_trace).toBe('bad node here')
  })

  it('leaves out class and state where MLflow has none for the code', () => {
    expect(errorAnswer(new ServingError('QUEUE_FULL', 'full'))).toMatchObject({
      status: 429,
      body: '{"error_code": "RESOURCE_EXHAUSTED", "message": "full"}',
    })
  })

  it('is plain text for a content type, and for the time limit under a JSON header', () => {
    expect(errorAnswer(new ServingError('UNSUPPORTED_MEDIA_TYPE', 'what?'))).toEqual({
      status: 415,
      contentType: 'text/plain; charset=utf-8',
      body: 'what?',
    })
    expect(errorAnswer(new ServingError('DEADLINE_EXCEEDED', 'late'))).toEqual({
      status: 504,
      contentType: 'application/json',
      body: 'Request processing time exceeded limit',
    })
  })
})
