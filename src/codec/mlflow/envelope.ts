import { ServingError } from '../../errors.ts'
import type { Signature } from '../../model/signature.ts'
import type { PyDict, PyValue } from '../json/py-value.ts'
import { PROTOCOL_NOTICE } from './protocol-notice.ts'
import { badRequest, invalidInput } from './refusal.ts'

export type DataFormat = 'dataframe_split' | 'dataframe_records' | 'instances' | 'inputs'

/** What a JSON body holds: data in one of four formats, or the whole object as data (the unwrapped form of language models). */
export type Envelope =
  | { readonly format: DataFormat; readonly data: PyValue; readonly params: PyValue }
  | { readonly format: 'unwrapped'; readonly data: PyDict; readonly params: PyDict }

const FORMATS: readonly string[] = ['dataframe_records', 'dataframe_split', 'inputs', 'instances']

/** Python prints this set in a random order; ours is fixed. */
const REQUIRED_FORMAT = `The input must be a JSON dictionary with exactly one of the input fields {${FORMATS.map((f) => `'${f}'`).join(', ')}}`

/** A top-level key of these makes the body unwrapped (mlflow/pyfunc/utils/serving_data_parser.py). */
const UNWRAPPED_KEYS: readonly string[] = ['messages', 'prompt', 'input']

/**
 * Takes a body apart (mlflow/pyfunc/scoring_server/__init__.py, `_parse_json_data`). Keys that mean nothing are dropped.
 * @throws ServingError INVALID_REQUEST when it is not an object with exactly one format, or an unwrapped one.
 */
export function openEnvelope(body: PyValue, signature: Signature | undefined): Envelope {
  if (!(body instanceof Map)) {
    const received = Array.isArray(body)
      ? 'Received a list.'
      : `Received unexpected input type '${pythonClass(body)}.`
    throw invalidInput(`${REQUIRED_FORMAT}. ${received}`)
  }
  const dict: PyDict = body
  if (UNWRAPPED_KEYS.some((key) => dict.has(key))) return unwrapped(dict, signature)
  const formats = [...dict.keys()].filter((key) => FORMATS.includes(key))
  const format = formats[0]
  if (signature?.fromTypeHints) return typeHinted(dict, formats)
  if (format === undefined || formats.length > 1) {
    const fields = formats.map((name) => `'${name}'`).join(', ')
    throw badRequest(
      `${REQUIRED_FORMAT}. Received dictionary with input fields: [${fields}]. ${PROTOCOL_NOTICE}`,
    )
  }
  return {
    format: format as DataFormat,
    data: dict.get(format) ?? null,
    params: dict.get('params') ?? null,
  }
}

function unwrapped(dict: PyDict, signature: Signature | undefined): Envelope {
  const names = new Set(signature?.params?.map((param) => param.name))
  const data = new Map<string, PyValue>()
  const params = new Map<string, PyValue>()
  for (const [key, value] of dict) (names.has(key) ? params : data).set(key, value)
  return { format: 'unwrapped', data, params }
}

function typeHinted(dict: PyDict, formats: readonly string[]): Envelope {
  const data = dict.get('inputs')
  if (data !== undefined) return { format: 'inputs', data, params: dict.get('params') ?? null }
  const keys = formats.map((name) => `'${name}'`).join(', ')
  throw new ServingError(
    'INVALID_INPUT',
    `Request payload must be a dictionary with 'inputs' key when the model contains a valid type hint. Found keys in payload: dict_keys([${keys}]).`,
  )
}

function pythonClass(value: PyValue): string {
  if (value === null) return "<class 'NoneType'>"
  switch (typeof value) {
    case 'boolean':
      return "<class 'bool'>"
    case 'bigint':
      return "<class 'int'>"
    case 'number':
      return "<class 'float'>"
    default:
      return "<class 'str'>"
  }
}
