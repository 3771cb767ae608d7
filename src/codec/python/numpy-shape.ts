import { PythonError } from './python-error.ts'
import { isList, NdArray, type PyObject } from './python-object.ts'

/** `NPY_MAXDIMS` of numpy 2. */
const MAX_DIMENSIONS = 64

/**
 * The shape that numpy finds in nested lists and arrays (numpy/_core/src/multiarray/array_coercion.c). Ragged lists
 * are objects beyond the axes that are even, where objects are `allowed`.
 * @throws PythonError ValueError naming how far the shape is even.
 */
export function discoverShape(value: PyObject, objectsAllowed: boolean): readonly number[] {
  const discovery = new Discovery()
  const dimensions = discovery.visit(value, 0)
  const shape = discovery.shape.slice(0, dimensions)
  if (!discovery.ragged || objectsAllowed) return shape
  const start = 'setting an array element with a sequence. The requested array'
  if (dimensions === MAX_DIMENSIONS) {
    throw new PythonError(
      'ValueError',
      `${start} would exceed the maximum number of dimension of ${MAX_DIMENSIONS}.`,
    )
  }
  throw new PythonError(
    'ValueError',
    `${start} has an inhomogeneous shape after ${dimensions} dimensions. The detected shape was ${shapeText(shape)} + inhomogeneous part.`,
  )
}

/** A shape as Python prints a tuple. */
export function shapeText(shape: readonly number[]): string {
  return `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`
}

/** Walks depth first, as numpy does: the first branch decides the shape, and later ones may only shorten it. */
class Discovery {
  readonly shape: number[] = []
  ragged = false
  #dimensions = MAX_DIMENSIONS
  #reachedEnd = false

  visit(value: PyObject, axis: number): number {
    if (value instanceof NdArray) {
      this.#update(axis, value.shape, false)
    } else if (!isList(value) || axis === this.#dimensions) {
      this.#update(axis, [], false)
      if (isList(value)) this.ragged = true
    } else if (this.#update(axis, [value.length], true)) {
      this.#visitItems(value, axis)
    }
    return this.#dimensions
  }

  #visitItems(list: readonly PyObject[], axis: number): void {
    if (list.length === 0) {
      // An empty list is the last axis.
      this.#reachedEnd = true
      this.#dimensions = axis + 1
      return
    }
    for (const inner of list) this.visit(inner, axis + 1)
  }

  #update(axis: number, sizes: readonly number[], sequence: boolean): boolean {
    let even = true
    const reached = this.#reachedEnd
    let count = sizes.length
    if (axis + count > this.#dimensions) {
      even = false
      count = this.#dimensions - axis
    } else if (!sequence && this.#dimensions !== axis + count) {
      this.#dimensions = axis + count
      if (reached) even = false
    }
    const fits = reached ? this.#fitting(axis, sizes.slice(0, count)) : count
    if (!reached) for (let i = 0; i < count; i++) this.shape[axis + i] = sizes[i] ?? 0
    if (fits < count) {
      even = false
      this.#dimensions = sequence ? axis : this.#dimensions - (count - fits)
    }
    if (!sequence) this.#reachedEnd = true
    if (!even) this.ragged = true
    return even
  }

  /** How many of the sizes are those found before. */
  #fitting(axis: number, sizes: readonly number[]): number {
    const at = sizes.findIndex((size, i) => size !== this.shape[axis + i])
    return at === -1 ? sizes.length : at
  }
}
