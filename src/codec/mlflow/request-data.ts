import type { Frame } from '../pandas/frame.ts'
import { isDict, isList, NdArray, type PyDict, type PyObject } from '../python/python-object.ts'

/** What a body holds once it is parsed: a data frame, one array, arrays by name, or whatever else JSON gave. */
export type RequestData =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'array'; readonly array: NdArray }
  | { readonly kind: 'dict'; readonly dict: PyDict }
  | { readonly kind: 'list'; readonly list: readonly PyObject[] }
  | { readonly kind: 'other'; readonly value: PyObject }

export function frameData(frame: Frame): RequestData {
  return { kind: 'frame', frame }
}

export function requestData(value: PyObject): RequestData {
  if (value instanceof NdArray) return { kind: 'array', array: value }
  if (isDict(value)) return { kind: 'dict', dict: value }
  if (isList(value)) return { kind: 'list', list: value }
  return { kind: 'other', value }
}
