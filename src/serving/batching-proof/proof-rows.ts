import {
  allocate,
  elementCount,
  isStringData,
  type NamedTensors,
  type Tensor,
  type TensorSpec,
  type TypedArray,
} from '../../model/tensor.ts'
import { byteLength, commonRows, hasLayout, layoutOf, splitRows } from '../batching/batch-merge.ts'

/** More input than this in one row is not made up. */
const MAX_ELEMENTS = 2 ** 19

/** Single rows of one layout to run a model with, no two alike. Each is only read. */
export class ProofRows {
  readonly #most: number
  readonly #maxRowBytes: number
  readonly #rows: NamedTensors[] = []

  constructor(most: number, maxRowBytes: number) {
    this.#most = most
    this.#maxRowBytes = maxRowBytes
  }

  get rows(): readonly NamedTensors[] {
    return this.#rows
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#most
  }

  /** Takes the rows of a request, as far as they have the layout of the first. */
  add(feeds: NamedTensors): void {
    const count = commonRows(feeds)
    if (count === undefined || count === 0) return
    for (const row of splitRows(feeds, Array<number>(count).fill(1))) {
      if (this.isFull) return
      if (this.#suits(row)) this.#rows.push(row)
    }
  }

  #suits(row: NamedTensors): boolean {
    const [first] = this.#rows
    if (byteLength(row) > this.#maxRowBytes) return false
    if (first !== undefined && !hasLayout(row, layoutOf(first))) return false
    return !this.#rows.some((other) => isSame(row, other))
  }
}

function isSame(row: NamedTensors, other: NamedTensors): boolean {
  return Object.entries(row).every(([name, { data }]) => {
    const values = other[name]?.data
    if (values === undefined || values.length !== data.length) return false
    for (let i = 0; i < data.length; i += 1) if (data[i] !== values[i]) return false
    return true
  })
}

/** The row with its numbers of single and double precision moved a little: all that can be changed and keep its sense. */
export function variant(row: NamedTensors, step: number): NamedTensors {
  const change = (tensor: Tensor): Tensor => {
    const { data } = tensor
    if (!(data instanceof Float32Array || data instanceof Float64Array)) return tensor
    return { ...tensor, data: data.map((value) => value * (1 + step / 8) + step / 8) }
  }
  return Object.fromEntries(Object.entries(row).map(([name, tensor]) => [name, change(tensor)]))
}

/** A row of made-up values from 0 to 1; undefined where a dimension beyond the first is not known. */
export function madeUpRow(specs: readonly TensorSpec[], seed: number): NamedTensors | undefined {
  const shapes = specs.map(({ shape }) => [1, ...shape.slice(1)])
  const known = specs.every(({ shape }) => shape.length > 0 && shape.slice(1).every((d) => d >= 0))
  const total = shapes.reduce((sum, shape) => sum + elementCount(shape), 0)
  if (!known || specs.length === 0 || total > MAX_ELEMENTS) return undefined
  const random = numbersFrom(seed)
  return Object.fromEntries(
    specs.map(({ name, dtype }, i) => {
      const shape = shapes[i] ?? []
      const data = allocate(dtype, elementCount(shape))
      if (isStringData(data)) return [name, { dtype, shape, data: data.map(() => `${seed}`) }]
      if (dtype === 'float16') fill(data, () => Math.round(random() * ONE_AS_FLOAT16))
      else fill(data, dtype.startsWith('float') ? random : () => Math.round(random()))
      return [name, { dtype, shape, data }]
    }),
  )
}

/** Bits of 1.0: those of smaller numbers are all below. */
const ONE_AS_FLOAT16 = 0x3c00

function fill(data: TypedArray, next: () => number): void {
  for (let i = 0; i < data.length; i += 1) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(next())
    else data[i] = next()
  }
}

/** Numbers from 0 to 1, the same for the same seed (Lehmer's generator, modulus 2^31 - 1, multiplier 48271). */
function numbersFrom(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
