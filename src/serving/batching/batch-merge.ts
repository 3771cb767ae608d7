import {
  allocate,
  type DType,
  elementCount,
  isStringData,
  type NamedTensors,
  type Tensor,
  type TensorData,
} from '../../model/tensor.ts'

/** What requests must have in common to share a batch: input names, dtypes and shapes without the leading dimension. */
export interface BatchLayout {
  readonly names: readonly string[]
  readonly dtypes: readonly DType[]
  readonly trailing: readonly (readonly number[])[]
}

/** Strings have no fixed size: what an element costs beside its text. */
const STRING_OVERHEAD_BYTES = 16

/** The leading dimension that all tensors share; undefined where there is none (no tensors, a scalar, a disagreement). */
export function commonRows(tensors: NamedTensors): number | undefined {
  let rows: number | undefined
  for (const name in tensors) {
    const leading = tensors[name]?.shape[0]
    if (leading === undefined || (rows !== undefined && rows !== leading)) return undefined
    rows = leading
  }
  return rows
}

/** Bytes of all elements; text counts two bytes a UTF-16 unit and a fixed overhead. */
export function byteLength(tensors: NamedTensors): number {
  let bytes = 0
  for (const name in tensors) {
    const data = tensors[name]?.data
    if (data === undefined) continue
    if (isStringData(data))
      for (const text of data) bytes += STRING_OVERHEAD_BYTES + 2 * text.length
    else bytes += data.byteLength
  }
  return bytes
}

/** The layout of tensors that have common rows. */
export function layoutOf(tensors: NamedTensors): BatchLayout {
  const entries = Object.entries(tensors)
  return {
    names: entries.map(([name]) => name),
    dtypes: entries.map(([, tensor]) => tensor.dtype),
    trailing: entries.map(([, tensor]) => tensor.shape.slice(1)),
  }
}

/** Whether tensors with common rows have this layout. */
export function hasLayout(tensors: NamedTensors, layout: BatchLayout): boolean {
  let count = 0
  for (const _ in tensors) count += 1
  if (count !== layout.names.length) return false
  for (let i = 0; i < count; i += 1) {
    const tensor = tensors[layout.names[i] as string]
    if (tensor === undefined || tensor.dtype !== layout.dtypes[i]) return false
    if (!hasTrailing(tensor.shape, layout.trailing[i] as readonly number[])) return false
  }
  return true
}

function hasTrailing(shape: readonly number[], trailing: readonly number[]): boolean {
  if (shape.length !== trailing.length + 1) return false
  for (let i = 0; i < trailing.length; i += 1) if (shape[i + 1] !== trailing[i]) return false
  return true
}

/**
 * One set of tensors with the rows of all parts, in their order: one allocation a tensor. The parts are only read.
 * @param rows sum of the parts' rows.
 */
export function mergeRows(
  layout: BatchLayout,
  parts: readonly NamedTensors[],
  rows: number,
): NamedTensors {
  const merged: Record<string, Tensor> = {}
  for (let i = 0; i < layout.names.length; i += 1) {
    const name = layout.names[i] as string
    const dtype = layout.dtypes[i] as DType
    const shape = [rows, ...(layout.trailing[i] as readonly number[])]
    merged[name] = { dtype, shape, data: concatenate(dtype, elementCount(shape), name, parts) }
  }
  return merged
}

function concatenate(
  dtype: DType,
  count: number,
  name: string,
  parts: readonly NamedTensors[],
): TensorData {
  const target = allocate(dtype, count)
  let offset = 0
  for (const part of parts) {
    const source = part[name]?.data ?? []
    if (isStringData(source)) {
      for (let i = 0; i < source.length; i += 1)
        (target as string[])[offset + i] = source[i] as string
    } else {
      // Parts of one dtype have one array type, which the union of array types cannot say.
      ;(target as Float32Array).set(source as Float32Array, offset)
    }
    offset += source.length
  }
  return target
}

/** Why these outputs cannot be split by rows; undefined where each has exactly `rows` in front. */
export function rowMismatch(outputs: NamedTensors, rows: number): string | undefined {
  for (const name in outputs) {
    const leading = outputs[name]?.shape[0]
    if (leading === rows) continue
    const received = leading === undefined ? 'is a scalar' : `has ${leading} rows`
    return `output "${name}" ${received} for ${rows} rows of input`
  }
  return undefined
}

/**
 * The outputs of each part, in the order of the parts. Numbers are views of the outputs' own memory, not copies.
 * The outputs must have as many rows as the parts together ({@link rowMismatch}).
 */
export function splitRows(outputs: NamedTensors, rowsOfParts: readonly number[]): NamedTensors[] {
  const parts: Record<string, Tensor>[] = rowsOfParts.map(() => ({}))
  for (const [name, output] of Object.entries(outputs)) {
    const trailing = output.shape.slice(1)
    const rowElements = elementCount(trailing)
    let offset = 0
    let shape: readonly number[] = []
    for (let i = 0; i < parts.length; i += 1) {
      const rows = rowsOfParts[i] as number
      // Requests of the same size share one shape: most batches hold one-row requests only.
      if (shape[0] !== rows) shape = [rows, ...trailing]
      const end = offset + rows * rowElements
      const part = parts[i] as Record<string, Tensor>
      part[name] = { dtype: output.dtype, shape, data: view(output.data, offset, end) }
      offset = end
    }
  }
  return parts
}

function view(data: TensorData, start: number, end: number): TensorData {
  return isStringData(data) ? data.slice(start, end) : data.subarray(start, end)
}
