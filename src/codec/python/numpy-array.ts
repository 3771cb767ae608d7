import { elementCount } from '../../model/tensor.ts'
import {
  BOOL,
  bytesType,
  type Dtype,
  FLOAT64,
  INT64,
  isNumeric,
  OBJECT,
  promote,
  textType,
  UINT64,
} from './dtype.ts'
import { convertElements } from './numpy-convert.ts'
import { discoverShape } from './numpy-shape.ts'
import { isList, item, NdArray, NumpyScalar, type PyObject, plain } from './python-object.ts'

/**
 * `numpy.array(value, dtype)` of a scalar, nested lists, arrays or a mixture. Without a dtype it is inferred: ints
 * int64, with floats float64, any text makes all text, None or a dict objects.
 * @throws PythonError as numpy raises for ragged lists and values that do not convert.
 */
export function numpyArray(value: PyObject, dtype?: Dtype): NdArray {
  if (value instanceof NdArray && dtype === undefined) return value
  const shape = discoverShape(value, dtype?.kind === 'O')
  const leaves: PyObject[] = []
  collect(value, shape, 0, leaves)
  const target = dtype ?? dtypeOf(value, leaves)
  const elements = target.kind === 'O' ? withArrays(value, shape, leaves) : leaves
  const { dtype: final, data } = convertElements(elements, target)
  if (data.length !== elementCount(shape)) throw new RangeError('Shape and leaves differ')
  return new NdArray(final, shape, data)
}

/** `numpy.array([value], dtype)[0]`. */
export function numpyScalar(value: PyObject, dtype: Dtype): PyObject {
  const array = numpyArray([value], dtype)
  return array.shape.length === 1
    ? item(array, 0)
    : new NdArray(array.dtype, array.shape.slice(1), array.data)
}

function collect(
  value: PyObject,
  shape: readonly number[],
  axis: number,
  leaves: PyObject[],
): void {
  const unpacked = value instanceof NdArray && (axis < shape.length || value.shape.length === 0)
  // An object without dimensions stays the array that it is in.
  if (unpacked && !(value.shape.length === 0 && value.dtype.kind === 'O')) {
    for (let i = 0; i < value.data.length; i++) leaves.push(item(value, i))
  } else if (axis < shape.length && isList(value)) {
    for (const inner of value) collect(inner, shape, axis + 1, leaves)
  } else {
    leaves.push(value)
  }
}

/** Among objects an array without dimensions stays an array. */
function withArrays(
  value: PyObject,
  shape: readonly number[],
  leaves: readonly PyObject[],
): readonly PyObject[] {
  if (!isList(value) || shape.length !== 1) return leaves
  return value.map((leaf, i) =>
    leaf instanceof NdArray && leaf.shape.length === 0 ? leaf : (leaves[i] ?? null),
  )
}

/** What all elements have in common; arrays have a dtype even where they are empty, and objects stay objects. */
function dtypeOf(value: PyObject, leaves: readonly PyObject[]): Dtype {
  const arrays: Dtype[] = []
  collectDtypes(value, arrays)
  if (arrays.some((found) => found.kind === 'O')) return OBJECT
  if (leaves.length > 0) return inferDtype(leaves)
  return arrays.length === 0 ? FLOAT64 : arrays.reduce(common)
}

function collectDtypes(value: PyObject, found: Dtype[]): void {
  if (value instanceof NdArray) found.push(value.dtype)
  else if (isList(value)) for (const inner of value) collectDtypes(inner, found)
}

function inferDtype(leaves: readonly PyObject[]): Dtype {
  let found: Dtype | undefined
  for (const leaf of leaves) {
    const next = leafDtype(leaf)
    if (found !== undefined && found.name === next.name) continue
    found = found === undefined ? next : common(found, next)
    if (found.kind === 'O') return OBJECT
  }
  return found ?? FLOAT64
}

const INT64_MIN = -(2n ** 63n)

function leafDtype(leaf: PyObject): Dtype {
  if (leaf instanceof NumpyScalar) return leaf.dtype
  switch (typeof leaf) {
    case 'boolean':
      return BOOL
    case 'number':
      return FLOAT64
    case 'string':
      // The width is the data's; here only the least width that numbers among the text give.
      return textType(0)
    case 'bigint':
      if (leaf >= INT64_MIN && leaf < 2n ** 63n) return INT64
      return leaf >= 0n && leaf < 2n ** 64n ? UINT64 : OBJECT
    default:
      return leaf instanceof Uint8Array ? bytesType(leaf.length) : OBJECT
  }
}

function common(a: Dtype, b: Dtype): Dtype {
  if (isNumeric(a) && isNumeric(b)) return promote(a, b)
  const widthOfA = textWidth(a)
  const widthOfB = textWidth(b)
  if (widthOfA === undefined || widthOfB === undefined) return OBJECT
  const width = Math.max(widthOfA, widthOfB)
  return a.kind === 'S' && b.kind === 'S' ? bytesType(width) : textType(width)
}

/** Characters that numpy keeps free for any value of a dtype among text; undefined where it makes objects of both. */
function textWidth(dtype: Dtype): number | undefined {
  switch (dtype.kind) {
    case 'U':
      return dtype.itemsize / 4
    case 'S':
      return dtype.itemsize
    case 'b':
      return 5
    case 'f':
      return 32
    case 'u':
      return [3, 5, 10, 20][Math.log2(dtype.itemsize)]
    case 'i':
      return [4, 6, 11, 21][Math.log2(dtype.itemsize)]
    default:
      return undefined
  }
}

/** `array.tolist()`: nested lists of Python objects, or one for a 0-d array. */
export function toNestedList(
  array: NdArray,
  read: (i: number) => PyObject = (i) => plain(item(array, i)),
): PyObject {
  let at = 0
  const nest = (axis: number): PyObject => {
    if (axis === array.shape.length) return read(at++)
    return Array.from({ length: array.shape[axis] ?? 0 }, () => nest(axis + 1))
  }
  return nest(0)
}
