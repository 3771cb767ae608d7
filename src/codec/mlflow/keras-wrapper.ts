import { DTYPES, type TensorSpec } from '../../model/tensor.ts'
import { dtypeNamed, isNumeric } from '../python/dtype.ts'
import { castNumbers } from '../python/numpy-cast.ts'
import { NdArray } from '../python/python-object.ts'

/**
 * What Keras makes of an array (keras/src/models/functional.py, `_standardize_inputs`): numbers become those of the
 * input, and a last dimension of 1 is put in or taken away where the ranks differ by it.
 */
export function kerasArray(array: NdArray, spec: TensorSpec): NdArray {
  return fitRank(castTo(array, spec), spec)
}

function castTo(array: NdArray, spec: TensorSpec): NdArray {
  const dtype = dtypeNamed(DTYPES[spec.dtype].numpy)
  const isCast = dtype !== undefined && isNumeric(dtype) && isNumeric(array.dtype)
  return isCast ? castNumbers(array, dtype) : array
}

function fitRank(array: NdArray, spec: TensorSpec): NdArray {
  const { shape } = array
  // A spec without dimensions may be of any rank.
  if (spec.shape.length === 0) return array
  if (shape.length === spec.shape.length - 1) return reshaped(array, [...shape, 1])
  if (shape.length === spec.shape.length + 1 && shape.at(-1) === 1) {
    return reshaped(array, shape.slice(0, -1))
  }
  return array
}

function reshaped(array: NdArray, shape: readonly number[]): NdArray {
  return new NdArray(array.dtype, shape, array.data)
}
