import type { ServingError } from '../../errors.ts'
import type { Schema } from '../../model/signature.ts'
import { JsonSyntaxError } from '../json/json-syntax-error.ts'
import type { PyValue } from '../json/py-value.ts'
import { readJson } from '../json/reader.ts'
import { MemoryBudget } from '../memory-budget.ts'
import { stringRepr } from '../python/python-string.ts'
import { castFrame } from './cast-frame.ts'
import { refuseWide, widthOf } from './column-limit.ts'
import { type Envelope, openEnvelope } from './envelope.ts'
import { frameOfRecordsField, frameOfSplitField } from './frame-fields.ts'
import type { CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { makeInvocation } from './make-invocation.ts'
import { invalidInput } from './refusal.ts'
import { frameData, type RequestData, requestData } from './request-data.ts'
import { parseServingInput } from './tf-serving.ts'

/**
 * Reads any JSON body exactly as MLflow does, by way of Python's values and numpy's and pandas' rules.
 * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE.
 */
export function decodeJson(
  body: Uint8Array,
  contract: ModelContract,
  options: CodecOptions,
): Invocation {
  try {
    const envelope = openEnvelope(readBody(body, options), contract.signature)
    refuseWide(widthOf(envelope, contract.signature?.inputs), options.maxColumns)
    const data = parseData(envelope, contract)
    const wrapped = envelope.format !== 'unwrapped'
    return makeInvocation({ data, params: envelope.params, wrapped }, contract, options)
  } catch (error) {
    throw isStackOverflow(error) ? tooDeep() : error
  }
}

/** A limit on depth that was set very high leaves the stack of JavaScript as the last one. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('call stack')
}

function tooDeep(): ServingError {
  return invalidInput(
    "Ensure that the input is a valid JSON-formatted string.\nError: RecursionError('maximum recursion depth exceeded')",
  )
}

function readBody(body: Uint8Array, options: CodecOptions): PyValue {
  try {
    const budget = new MemoryBudget(options.maxMemoryBytes)
    return readJson(body, { maxDepth: options.maxDepth, budget })
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw invalidInput(
      `Ensure that input is a valid JSON formatted string. Error: '${syntaxErrorRepr(error)}'`,
    )
  }
}

/** `repr(exception)`, without the body that Python prints inside a UnicodeDecodeError. */
function syntaxErrorRepr(error: JsonSyntaxError): string {
  const { fault } = error
  switch (fault.kind) {
    case 'syntax':
      return `JSONDecodeError(${stringRepr(error.message)})`
    case 'encoding':
      return `UnicodeDecodeError('${fault.encoding}', ${fault.start}, ${fault.end}, ${stringRepr(fault.reason)})`
    case 'digits':
      return `ValueError(${stringRepr(error.message)})`
    case 'depth':
      return `RecursionError(${stringRepr(error.message)})`
  }
}

function parseData(envelope: Envelope, contract: ModelContract): RequestData {
  const schema = contract.signature?.inputs
  switch (envelope.format) {
    case 'unwrapped':
      return requestData(envelope.data)
    case 'dataframe_split':
      return castData(frameData(frameOfSplitField(envelope.data)), schema)
    case 'dataframe_records':
      return castData(frameData(frameOfRecordsField(envelope.data)), schema)
    default:
      // Data for a signature made from type hints is not parsed.
      if (contract.signature?.fromTypeHints) return requestData(envelope.data)
      return requestData(parseServingInput(envelope.format, envelope.data, schema))
  }
}

function castData(data: RequestData, schema: Schema | undefined): RequestData {
  if (data.kind !== 'frame' || schema === undefined) return data
  return frameData(castFrame(data.frame, schema))
}
