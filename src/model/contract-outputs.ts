import {
  breaking,
  compatible,
  type Difference,
  type ServedContract,
  sideBySide,
} from './contract-difference.ts'
import type { ColumnSpec, Schema, SchemaTensor } from './signature.ts'
import type { DType, TensorSpec } from './tensor.ts'
import { areIntegers, columnTypeText, columnWidth, dtypeWidth, tensorText } from './type-width.ts'

/**
 * Whether answers are understood by who understood the old ones. MLflow does not hold answers to the signature, so the
 * graph's outputs decide; what the signature declares counts where the graph says nothing, as of a size left free.
 */
export function compareOutputs(before: ServedContract, after: ServedContract): Difference[] {
  const form = compareForms(before, after)
  if (form !== undefined) return [form]
  const seen =
    isBare(before) && isBare(after)
      ? compareOnly(before.outputs, after.outputs)
      : compareTensors(before.outputs, after.outputs)
  if (seen.length > 0) return seen
  return compareDeclared(before.signature?.outputs, after.signature?.outputs)
}

/** A Keras model with one output answers with its array, without a name. */
function isBare({ wrapper, outputs }: ServedContract): boolean {
  return wrapper === 'keras' && outputs.length === 1
}

function compareForms(before: ServedContract, after: ServedContract): Difference | undefined {
  const old = before.wrapper ?? 'onnx'
  const now = after.wrapper ?? 'onnx'
  if (old !== now)
    return breaking(`answers have the form of ${now} models now, and had that of ${old}`)
  if (isBare(before) === isBare(after)) return undefined
  const forms = ['outputs by name', 'one array without a name']
  if (isBare(after)) forms.reverse()
  return breaking(`answers are ${forms[0]} now, and were ${forms[1]}`)
}

function compareOnly(
  [before]: readonly TensorSpec[],
  [after]: readonly TensorSpec[],
): Difference[] {
  return before === undefined || after === undefined
    ? []
    : compareTensor('the output', before, after)
}

interface OutputTensor {
  readonly name: string | undefined
  readonly dtype: DType | undefined
  readonly shape: readonly number[]
}

function compareTensors(
  before: readonly OutputTensor[],
  after: readonly OutputTensor[],
): Difference[] {
  const { kept, added, gone, moved } = sideBySide(before, after)
  return [
    ...kept.flatMap(([key, was, is]) => compareTensor(`output ${key}`, was, is)),
    ...added.map(([key, is]) => compatible(`output ${key} is new, ${describe(is)}`)),
    ...gone.map(([key]) => breaking(`output ${key} is gone`)),
    ...(moved ? [compatible('the outputs come in another order, each under its name')] : []),
  ]
}

function compareTensor(what: string, before: OutputTensor, after: OutputTensor): Difference[] {
  const shape = outputShape(before.shape, after.shape)
  const type = outputType(before.dtype, after.dtype)
  if (shape === 'same' && type === 'same') return []
  const text = `${what} changed from ${describe(before)} to ${describe(after)}`
  return [shape === 'other' || type === 'other' ? breaking(text) : compatible(text)]
}

function describe({ dtype, shape }: OutputTensor): string {
  return tensorText(dtype ?? 'other', shape)
}

type Notice = 'same' | 'unnoticed' | 'other'

/** JSON writes whole numbers of any width alike, and a wider float has more digits only. */
function outputType(before: DType | undefined, after: DType | undefined): Notice {
  if (before === after) return 'same'
  if (before === undefined || after === undefined) return 'other'
  if (areIntegers(before, after)) return 'unnoticed'
  return dtypeWidth(before, after) === 'wider' ? 'unnoticed' : 'other'
}

/** Two sizes that are known and differ are another answer; a size left free says nothing. */
function outputShape(before: readonly number[], after: readonly number[]): Notice {
  if (before.length !== after.length) return 'other'
  if (before.every((size, axis) => size === after[axis])) return 'same'
  const clash = before.some((size, axis) => {
    const now = after[axis] ?? -1
    return size !== -1 && now !== -1 && size !== now
  })
  return clash ? 'other' : 'unnoticed'
}

function compareDeclared(before: Schema | undefined, after: Schema | undefined): Difference[] {
  if (before === undefined || after === undefined) return []
  if (before.kind === 'tensors' && after.kind === 'tensors') {
    return declaredTensors(before.tensors, after.tensors)
  }
  if (before.kind === 'columns' && after.kind === 'columns') {
    return declaredColumns(before.columns, after.columns)
  }
  return []
}

function declaredTensors(
  before: readonly SchemaTensor[],
  after: readonly SchemaTensor[],
): Difference[] {
  // What only one of them names or declares, no answer shows: the graph's outputs are the same.
  return sideBySide(before, after).kept.flatMap(([key, was, is]) =>
    compareTensor(`output ${key}, as the signature declares it,`, was, is),
  )
}

function declaredColumns(
  before: readonly ColumnSpec[],
  after: readonly ColumnSpec[],
): Difference[] {
  return sideBySide(before, after).kept.flatMap(([key, { type: was }, { type: is }]) => {
    const width = columnWidth(was, is)
    if (width === 'same') return []
    const types = `${columnTypeText(was)} to ${columnTypeText(is)}`
    const text = `output ${key}, as the signature declares it, changed from ${types}`
    return [width === 'wider' ? compatible(text) : breaking(text)]
  })
}
