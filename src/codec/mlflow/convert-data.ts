import type { ColumnSpec, Schema, SchemaTensor } from '../../model/signature.ts'
import { type Dtype, OBJECT } from '../python/dtype.ts'
import { numpyArray, numpyScalar } from '../python/numpy-array.ts'
import { PythonError } from '../python/python-error.ts'
import { isList, isNumpyScalar, NdArray, type PyObject } from '../python/python-object.ts'
import { enforceValue } from './enforce-nested.ts'
import { invalidInput } from './refusal.ts'
import { NUMPY_TYPES } from './schema-text.ts'
import { tensorDtype } from './tensor-dtype.ts'

/** A column or tensor of the signature that a value is meant for. */
export type DataSpec =
  | { readonly kind: 'column'; readonly column: ColumnSpec }
  | { readonly kind: 'tensor'; readonly tensor: SchemaTensor }

/** Columns or tensors of a signature, in its order. */
export function dataSpecs(schema: Schema): readonly DataSpec[] {
  return schema.kind === 'columns'
    ? schema.columns.map((column) => ({ kind: 'column', column }))
    : schema.tensors.map((tensor) => ({ kind: 'tensor', tensor }))
}

/**
 * A value of `inputs` or `instances` as its column or tensor in the signature wants it, or as numpy infers it
 * (mlflow/utils/proto_json_utils.py, `convert_data_type`).
 * @throws ServingError INVALID_REQUEST with numpy's words.
 */
export function convertData(data: PyObject, spec: DataSpec | undefined): PyObject {
  try {
    if (spec === undefined) return numpyArray(data)
    if (spec.kind === 'tensor') return numpyArray(data, tensorDtype(spec.tensor))
    return convertColumn(data, spec.column)
  } catch (error) {
    if (error instanceof PythonError) throw invalidInput(error.message)
    throw error
  }
}

/** MLflow converts each by itself, and says twice that one does not. */
function scalarOf(value: PyObject, dtype: Dtype): PyObject {
  try {
    return numpyScalar(value, dtype)
  } catch (error) {
    if (error instanceof PythonError) throw invalidInput(`Invalid input. ${error.message}`)
    throw error
  }
}

function convertColumn(data: PyObject, column: ColumnSpec): PyObject {
  const { type, required } = column
  if (type.kind === 'array' || type.kind === 'sparkml_vector') {
    return numpyArray(enforceValue(data, type, required))
  }
  if (type.kind !== 'scalar') return enforceValue(data, type, required)
  const dtype = NUMPY_TYPES[type.type]
  if (dtype.kind === 'b' || dtype.kind === 'U' || dtype.kind === 'S') {
    if (data === null) return null
    if (
      isList(data) &&
      data.includes(null) &&
      data.every((value) => value === null || isNumpyScalar(value))
    ) {
      const values = data.map((value) => (value === null ? null : scalarOf(value, dtype)))
      return new NdArray(OBJECT, [values.length], values)
    }
  }
  return isList(data) ? numpyArray(data, dtype) : numpyScalar(data, dtype)
}
