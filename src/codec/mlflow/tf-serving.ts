import { ServingError } from '../../errors.ts'
import type { Schema } from '../../model/signature.ts'
import { numpyArray } from '../python/numpy-array.ts'
import { errorRepr, PythonError } from '../python/python-error.ts'
import {
  isDict,
  isList,
  isNumpyScalar,
  NdArray,
  type PyObject,
  typeName,
  typeText,
} from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { convertData, type DataSpec, dataSpecs } from './convert-data.ts'
import { invalidInput } from './refusal.ts'
import { columnText, tensorText } from './schema-text.ts'

/**
 * The value of `inputs` or `instances` as arrays (mlflow/utils/proto_json_utils.py, `parse_tf_serving_input`).
 * @throws ServingError INVALID_REQUEST
 */
export function parseServingInput(
  format: 'inputs' | 'instances',
  value: PyObject,
  schema: Schema | undefined,
): PyObject {
  try {
    return format === 'instances' ? parseInstances(value, schema) : castToSchema(value, schema)
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    throw invalidInput(
      `Ensure that the input is a valid JSON-formatted string.\nError: ${errorRepr(error)}`,
    )
  }
}

/** The columns or tensors by name; none for an unnamed schema. */
function specsByName(schema: Schema | undefined): ReadonlyMap<string, DataSpec> {
  const named = new Map<string, DataSpec>()
  for (const spec of schema === undefined ? [] : dataSpecs(schema)) {
    const name = specName(spec)
    if (name !== undefined) named.set(name, spec)
  }
  return named
}

function specName(spec: DataSpec): string | undefined {
  return spec.kind === 'column' ? spec.column.name : spec.tensor.name
}

function parseInstances(value: PyObject, schema: Schema | undefined): PyObject {
  const byRows = isList(value) && isDict(value[0] ?? null)
  const data = byRows ? regroup(value, specsByName(schema)) : castToSchema(value, schema)
  if (isDict(data)) checkLengths(data, schema)
  return data
}

/** Rows of named values as an array per name. */
function regroup(rows: readonly PyObject[], specs: ReadonlyMap<string, DataSpec>): PyObject {
  const lists = new Map<string, PyObject[]>()
  for (const row of rows) {
    if (!isDict(row)) {
      throw new PythonError('AttributeError', `'${typeName(row)}' object has no attribute 'items'`)
    }
    for (const [name, value] of row) {
      const converted = convertData(value, specs.get(name))
      const list = lists.get(name)
      if (list === undefined) lists.set(name, [converted])
      else list.push(converted)
    }
  }
  return new Map([...lists].map(([name, list]) => [name, numpyArray(list)]))
}

function checkLengths(data: ReadonlyMap<string, PyObject>, schema: Schema | undefined): void {
  const named = specsByName(schema)
  let expected: number | undefined
  for (const [name, value] of data) {
    if (!isList(value) && !(value instanceof NdArray)) continue
    if (named.size > 0 && !isChecked(named.get(name))) continue
    const length = lengthOf(value)
    expected ??= length
    if (length !== expected) {
      throw invalidInput('The length of values for each input/column name are not the same')
    }
  }
}

/** With a named signature only its required columns count, and lists of arrays may differ. */
function isChecked(spec: DataSpec | undefined): boolean {
  if (spec === undefined) return false
  if (spec.kind === 'tensor') return true
  const { type, required } = spec.column
  return required && type.kind !== 'array' && type.kind !== 'sparkml_vector'
}

function lengthOf(value: readonly PyObject[] | NdArray): number {
  const length = isList(value) ? value.length : value.shape[0]
  if (length === undefined) throw new PythonError('TypeError', 'len() of unsized object')
  return length
}

/** `_cast_schema_type` */
function castToSchema(given: PyObject, schema: Schema | undefined): PyObject {
  const specs = specsByName(schema)
  const only = specs.size === 1 ? [...specs.keys()][0] : undefined
  let value = given
  if (only !== undefined && isList(given) && !given.some(isDict)) {
    value = new Map([[only, given]])
  } else if (schema !== undefined && specs.size === 0 && !isList(given) && !isNumpyScalar(given)) {
    throw invalidInput(
      'Failed to parse input data. This model contains an un-named ' +
        ' model signature which expects a single n-dimensional array or ' +
        'a single value as input, however, an input of type ' +
        `${typeText(given)} was found.`,
    )
  }
  if (isDict(value)) return convertDict(value, specs)
  if (isList(value) && value.every(isDict)) return value.map((row) => convertDict(row, specs))
  const first = schema === undefined ? undefined : dataSpecs(schema)[0]
  return isList(value) ? convertData(value, first) : convertScalar(value, first)
}

function convertDict(
  dict: ReadonlyMap<string, PyObject>,
  specs: ReadonlyMap<string, DataSpec>,
): PyObject {
  const converted = new Map<string, PyObject>()
  for (const [name, value] of dict) converted.set(name, convertData(value, specs.get(name)))
  return converted
}

function convertScalar(value: PyObject, spec: DataSpec | undefined): PyObject {
  try {
    return convertData(value, spec)
  } catch (error) {
    if (!(error instanceof ServingError)) throw error
    throw invalidInput(
      `Failed to convert data \`${pythonText(value)}\` to type \`${specText(spec)}\` defined in the model signature.`,
    )
  }
}

function specText(spec: DataSpec | undefined): string {
  if (spec === undefined) return 'None'
  return spec.kind === 'column' ? columnText(spec.column) : tensorText(spec.tensor)
}
