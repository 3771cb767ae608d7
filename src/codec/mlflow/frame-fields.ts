import type { Frame } from '../pandas/frame.ts'
import { buildFrame } from '../pandas/frame-build.ts'
import { PythonError } from '../python/python-error.ts'
import { isDict, isList, type PyObject, typeText } from '../python/python-object.ts'
import { setText } from './enforce-nested.ts'
import { invalidInput } from './refusal.ts'

const SPLIT_KEYS: readonly string[] = ['columns', 'data', 'index']

/**
 * The frame of `dataframe_split` (mlflow/utils/proto_json_utils.py, `dataframe_from_parsed_json`).
 * @throws ServingError INVALID_REQUEST
 */
export function frameOfSplitField(field: PyObject): Frame {
  if (!isDict(field)) {
    const got = isList(field) ? 'list' : `type ${typeText(field)}`
    throw invalidInput(`Dataframe split format must be a dictionary. Got ${got}.`)
  }
  const keys = [...field.keys()]
  if (!field.has('data') || keys.some((key) => !SPLIT_KEYS.includes(key))) {
    throw invalidInput(
      "Dataframe split format must have 'data' field and optionally 'columns' " +
        `and 'index' fields. Got ${keys.length === 0 ? 'set()' : setText(keys)}.'`,
    )
  }
  return build('split', () =>
    buildFrame(field.get('data') ?? null, field.get('columns') ?? null, field.get('index') ?? null),
  )
}

/**
 * The frame of `dataframe_records`.
 * @throws ServingError INVALID_REQUEST
 */
export function frameOfRecordsField(field: PyObject): Frame {
  if (!isList(field)) {
    const got = isDict(field) ? 'dictionary' : `type ${typeText(field)}`
    throw invalidInput(`Dataframe records format must be a list of records. Got ${got}.`)
  }
  return build('records', () => buildFrame(field))
}

function build(format: 'split' | 'records', make: () => Frame): Frame {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    throw invalidInput(
      `Provided dataframe_${format} field is not a valid dataframe representation in ` +
        `'${format}' format. Error: '${error.message}'`,
    )
  }
}
