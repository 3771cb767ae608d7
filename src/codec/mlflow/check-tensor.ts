import type { SchemaTensor } from '../../model/signature.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { PythonError } from '../python/python-error.ts'
import type { NdArray } from '../python/python-object.ts'
import { tensorDtype } from './tensor-dtype.ts'

/**
 * The array itself where rank, sizes and dtype are those of the signature (mlflow/models/utils.py, `_enforce_tensor_spec`).
 * Ragged data comes as objects, and passes where the signature leaves room for it.
 * @throws PythonError MlflowException naming the shape or dtype expected.
 */
export function checkTensor(array: NdArray, spec: SchemaTensor): NdArray {
  const expected = tensorDtype(spec)
  const { shape } = spec
  if (shape.length === 1 && shape[0] === -1 && expected.kind === 'O') return array
  const ragged = array.shape.length === 1 && array.dtype.kind === 'O'
  if (ragged && shape.slice(1).includes(-1)) return array
  const fits =
    shape.length === array.shape.length &&
    shape.every((size, axis) => size === -1 || size === array.shape[axis])
  if (!fits) {
    throw new PythonError(
      'MlflowException',
      `Shape of input ${shapeText(array.shape)} does not match expected shape ${shapeText(shape)}.`,
    )
  }
  const flexible = expected.kind === 'U' || expected.kind === 'S'
  if (flexible ? array.dtype.kind === expected.kind : array.dtype.name === expected.name)
    return array
  throw new PythonError(
    'MlflowException',
    `dtype of input ${array.dtype.name} does not match expected dtype ${expected.name}`,
  )
}
