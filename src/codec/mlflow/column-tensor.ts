import type { SchemaTensor } from '../../model/signature.ts'
import { elementCount } from '../../model/tensor.ts'
import { columnValues } from '../pandas/frame.ts'
import { INT64 } from '../python/dtype.ts'
import { numpyArray } from '../python/numpy-array.ts'
import { castArray } from '../python/numpy-cast.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { PythonError } from '../python/python-error.ts'
import { isList, isNumpyScalar, NdArray, type PyObject } from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { checkTensor } from './check-tensor.ts'
import { tensorDtype } from './tensor-dtype.ts'

/**
 * A column of a data frame as a tensor of the signature: scalars one by one, or flat lists reshaped in C order and
 * cast (mlflow/models/utils.py, `_reshape_and_cast_pandas_column_values`). The name is undefined for an unnamed tensor.
 * @throws PythonError in MLflow's, pandas' or numpy's words.
 */
export function columnTensor(
  name: string | undefined,
  column: NdArray,
  spec: SchemaTensor,
): NdArray {
  const { shape } = spec
  if (shape.length === 0) throw new PythonError('IndexError', 'tuple index out of range')
  if (shape[0] !== -1 || shape.slice(1).includes(-1)) {
    throw refusal(
      'For pandas dataframe input, the first dimension of shape must be a variable ' +
        'dimension and other dimensions must be fixed, but in model signature the shape ' +
        `of ${name ? `input ${name}` : 'the unnamed input'} is ${shapeText(shape)}.`,
    )
  }
  const values = columnValues(column)
  const first = values[0]
  if (first === undefined) {
    throw new PythonError('IndexError', 'single positional indexer is out-of-bounds')
  }
  if (isNumpyScalar(first)) return scalarTensor(name, column, values, spec)
  if (isList(first)) {
    const inner = first[0]
    if (inner === undefined) throw new PythonError('IndexError', 'list index out of range')
    if (isNumpyScalar(inner)) return listTensor(name, values, spec)
  }
  if (first instanceof NdArray) return arrayTensor(name, values, spec)
  throw unsupportedCells()
}

/** Cells that are neither scalars nor flat lists, or two columns of one name. */
export function unsupportedCells(): PythonError {
  return refusal(
    'Because the model signature requires tensor spec input, the input ' +
      'pandas dataframe values should be either scalar value, python list ' +
      'containing scalar values or numpy array containing scalar values, ' +
      'other types are not supported.',
  )
}

function refusal(message: string): PythonError {
  return new PythonError('MlflowException', message)
}

function scalarTensor(
  name: string | undefined,
  column: NdArray,
  values: readonly PyObject[],
  spec: SchemaTensor,
): NdArray {
  const { shape } = spec
  if (shape.length > 2 || (shape.length === 2 && shape[1] !== 1)) {
    throw refusal(
      `The input pandas dataframe column '${name ?? 'None'}' contains scalar ` +
        'values, which requires the shape to be (-1,) or (-1, 1), but got tensor spec ' +
        `shape of ${shapeText(shape)}.`,
    )
  }
  const dtype = tensorDtype(spec)
  const numeric = 'biufM'.includes(column.dtype.kind) && 'biuf'.includes(dtype.kind)
  const array = numeric ? castArray(counted(column), dtype) : numpyArray(values, dtype)
  return checkTensor(
    new NdArray(array.dtype, shape.length === 2 ? [values.length, 1] : [values.length], array.data),
    spec,
  )
}

/** Times as the counts that numpy casts. */
function counted(column: NdArray): NdArray {
  return column.dtype.kind === 'M' ? new NdArray(INT64, column.shape, column.data) : column
}

function listTensor(
  name: string | undefined,
  values: readonly PyObject[],
  spec: SchemaTensor,
): NdArray {
  try {
    return castArray(stack(values, spec), tensorDtype(spec))
  } catch (error) {
    const mismatch =
      error instanceof PythonError &&
      (error.type === 'ValueError' || error.type === 'UnicodeEncodeError')
    if (!mismatch) throw error
    throw refusal(
      `The value in the Input DataFrame column '${pythonText(name ?? null)}' could not be converted to the ` +
        `expected shape of: '${shapeText(spec.shape)}'. Ensure that each of the input list ` +
        'elements are of uniform length and that the data can be coerced to the tensor ' +
        `type '${tensorDtype(spec).name}'`,
    )
  }
}

/** Cells that are arrays, as those of Parquet are, keep their dtype. */
function arrayTensor(
  name: string | undefined,
  values: readonly PyObject[],
  spec: SchemaTensor,
): NdArray {
  try {
    return stack(values, spec)
  } catch (error) {
    if (!(error instanceof PythonError) || error.type !== 'ValueError') throw error
    throw refusal(
      `The value in the Input DataFrame column '${pythonText(name ?? null)}' could not be converted to the ` +
        `expected shape of: '${shapeText(spec.shape)}'. Ensure that each of the input numpy ` +
        'array elements are of uniform length and can be reshaped to above expected shape.',
    )
  }
}

/** `numpy.vstack(cells).reshape(shape)`. */
function stack(values: readonly PyObject[], spec: SchemaTensor): NdArray {
  const stacked = vstack(values)
  const count = stacked.data.length
  const fixed = elementCount(spec.shape.slice(1))
  if (fixed === 0 || count % fixed !== 0 || count / fixed !== values.length) {
    throw new PythonError('ValueError', 'cannot reshape')
  }
  const shape = [count / fixed, ...spec.shape.slice(1)]
  return new NdArray(stacked.dtype, shape, stacked.data)
}

function vstack(values: readonly PyObject[]): NdArray {
  const rows = values.map((value) => {
    const array = numpyArray(value)
    if (array.shape.length >= 2) return array
    return new NdArray(array.dtype, [1, array.shape[0] ?? 1], array.data)
  })
  const width = rows[0]?.shape.slice(1)
  if (
    rows.some(
      (row) =>
        row.shape.length !== (width?.length ?? 0) + 1 ||
        row.shape.slice(1).some((size, i) => size !== width?.[i]),
    )
  ) {
    throw new PythonError(
      'ValueError',
      'all the input array dimensions except for the concatenation axis must match exactly',
    )
  }
  return numpyArray(rows.flatMap((row) => rowsOf(row)))
}

function rowsOf(array: NdArray): readonly PyObject[] {
  const [count = 0, ...shape] = array.shape
  const step = elementCount(shape)
  return Array.from(
    { length: count },
    (_, i) => new NdArray(array.dtype, shape, array.data.slice(i * step, (i + 1) * step)),
  )
}
