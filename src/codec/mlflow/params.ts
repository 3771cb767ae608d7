import type { ColumnType, ParamSpec, ScalarType } from '../../model/signature.ts'
import { numpyArray } from '../python/numpy-array.ts'
import { PythonError } from '../python/python-error.ts'
import { integerToFloat } from '../python/python-number.ts'
import {
  isDict,
  isList,
  isNumpyScalar,
  type PyObject,
  typeName,
  typeText,
} from '../python/python-object.ts'
import { stringRepr } from '../python/python-string.ts'
import { pythonText } from '../python/python-text.ts'
import { enforceValue } from './enforce-nested.ts'
import { failedToPredict } from './enforce-schema.ts'
import { defaultText } from './param-default.ts'
import { paramMoment } from './param-moment.ts'
import { unexpected } from './refusal.ts'
import { paramText } from './schema-text.ts'

/**
 * Checks `params` against the signature (mlflow/models/utils.py, `_enforce_params_schema`). The ONNX wrapper does not use
 * them, so nothing is returned.
 * @throws ServingError INVALID_INPUT naming every param that does not fit.
 */
export function enforceParams(params: PyObject, specs: readonly ParamSpec[] | undefined): void {
  if (specs === undefined || params === null) return
  if (!isDict(params)) {
    throw failedToPredict(
      'INVALID_INPUT',
      `Parameters must be a dictionary. Got type '${typeName(params)}'.`,
    )
  }
  const refusals: string[] = []
  for (const spec of specs) {
    const value = params.get(spec.name)
    if (value === undefined) continue
    const reason = refusalOf(value, spec)
    if (reason !== undefined) refusals.push(`(${stringRepr(spec.name)}, ${stringRepr(reason)})`)
  }
  if (refusals.length === 0) return
  throw failedToPredict(
    'INVALID_INPUT',
    `Invalid parameters found: {${refusals.sort().join(', ')}}`,
  )
}

/** Why a value does not fit its param; undefined where it does. */
function refusalOf(value: PyObject, spec: ParamSpec): string | undefined {
  const text = (): string => paramText(spec, defaultText(spec))
  if (spec.shape !== null) {
    const dimensions = dimensionsOf(value)
    if (!isList(value) || dimensions !== 1) {
      return `Value must be a 1D array with shape (-1,) for param ${text()}, received ${typeName(value)} with ndim ${dimensions}`
    }
  }
  try {
    const values = spec.shape !== null && isList(value) ? value : [value]
    for (const one of values) checkValue(one, spec.type)
    return undefined
  } catch (error) {
    if (!(error instanceof PythonError)) throw error
    return `Failed to validate type and shape for ${text()}, error: ${error.message}`
  }
}

/** `numpy.array(value).ndim`; what numpy cannot hold fails the whole prediction. */
function dimensionsOf(value: PyObject): number {
  try {
    return numpyArray(value).shape.length
  } catch (error) {
    if (error instanceof PythonError) throw unexpected(error.message)
    throw error
  }
}

function checkValue(value: PyObject, type: ColumnType): void {
  if (type.kind === 'scalar') checkScalar(value, type.type)
  else enforceValue(value, type, true)
}

/** Exact types, but for integers where a float is asked for (`_enforce_param_datatype`). */
function checkScalar(value: PyObject, type: ScalarType): void {
  if (value === null) return
  if (type === 'datetime') {
    paramMoment(value)
    return
  }
  if (!isNumpyScalar(value)) {
    throw new PythonError(
      'MlflowException',
      `Value must be a scalar for type \`DataType.${type}\`, got \`${pythonText(value)}\``,
    )
  }
  const integer = typeof value === 'bigint'
  if (integer && (type === 'float' || type === 'double')) {
    integerToFloat(value)
    return
  }
  if (fits(value, type)) return
  throw new PythonError(
    'MlflowException',
    `Can not safely convert \`${typeText(value)}\` to \`DataType.${type}\` for value \`${pythonText(value)}\``,
  )
}

function fits(value: PyObject, type: ScalarType): boolean {
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
    case 'long':
      return typeof value === 'bigint'
    case 'float':
    case 'double':
      return typeof value === 'number'
    default:
      return typeof value === 'string'
  }
}
