import {
  breaking,
  compatible,
  type Difference,
  type ServedContract,
  sideBySide,
} from './contract-difference.ts'
import type { ColumnSpec, Schema, SchemaTensor, Signature } from './signature.ts'
import type { DType, TensorSpec } from './tensor.ts'
import { columnTypeText, columnWidth, dtypeWidth, tensorText, type Width } from './type-width.ts'

/**
 * Whether requests that the old version took are taken by the new one. Where both enforce a signature, that decides,
 * and how the graph is fed behind it is no client's business; where neither does, the graph's own inputs decide.
 */
export function compareInputs(before: ServedContract, after: ServedContract): Difference[] {
  const old = enforced(before.signature)
  const now = enforced(after.signature)
  if (old !== undefined && now !== undefined) {
    return [...compareSchemas(old, now), ...compareGraphs(before.inputs, after.inputs)]
  }
  if (now !== undefined) {
    return [
      breaking('the inputs have a signature now, so requests are checked that were not before'),
    ]
  }
  if (old !== undefined) {
    return [breaking('the inputs have no signature any more, so values are not converted any more')]
  }
  return compareFeeds(before.inputs, after.inputs)
}

function enforced(signature: Signature | undefined): Schema | undefined {
  return signature?.fromTypeHints === false ? signature.inputs : undefined
}

function compareSchemas(before: Schema, after: Schema): Difference[] {
  if (before.kind === 'columns' && after.kind === 'columns') {
    return compareColumns(before.columns, after.columns)
  }
  if (before.kind === 'tensors' && after.kind === 'tensors') {
    return compareTensors(before.tensors, after.tensors)
  }
  return [breaking(`the inputs were ${before.kind} and are ${after.kind} now`)]
}

function compareColumns(before: readonly ColumnSpec[], after: readonly ColumnSpec[]): Difference[] {
  const named = [before, after].map(([first]) => first?.name !== undefined)
  if (named[0] !== named[1]) {
    return [breaking(`the input columns have ${named[1] ? '' : 'no '}names now`)]
  }
  if (!named[0] && before.length !== after.length) {
    const text = `the input columns, which have no names, were ${before.length} and are ${after.length} now`
    return [breaking(text)]
  }
  const { kept, added, gone, moved } = sideBySide(before, after)
  return [
    ...kept.flatMap(([key, old, now]) => compareColumn(`input column ${key}`, old, now)),
    ...added.map(([key, { required }]) =>
      required
        ? breaking(`input column ${key} is new and required`)
        : compatible(`input column ${key} is new and optional`),
    ),
    ...gone.map(([key]) =>
      compatible(`input column ${key} is gone; it is ignored where it is sent`),
    ),
    ...(moved ? [compatible('the input columns come in another order')] : []),
  ]
}

function compareColumn(what: string, before: ColumnSpec, after: ColumnSpec): Difference[] {
  const differences: Difference[] = []
  if (before.required && !after.required) differences.push(compatible(`${what} is optional now`))
  if (!before.required && after.required) differences.push(breaking(`${what} is required now`))
  const width = columnWidth(before.type, after.type)
  if (width !== 'same') {
    const types = `${columnTypeText(before.type)} to ${columnTypeText(after.type)}`
    const text = `${what} changed from ${types}`
    differences.push(width === 'wider' ? compatible(text) : breaking(text))
  }
  return differences
}

function compareTensors(
  before: readonly SchemaTensor[],
  after: readonly SchemaTensor[],
): Difference[] {
  const [old] = before
  const [now, ...others] = after
  // A tensor without a name is sent bare, and bare arrays go to the only name, too.
  if (old !== undefined && now !== undefined && old.name === undefined && others.length === 0) {
    const renamed =
      now.name === undefined ? [] : [compatible(`the input is named "${now.name}" now`)]
    return [...renamed, ...compareTensor('the input', old, now)]
  }
  if (old?.name === undefined || now?.name === undefined) {
    return [breaking(`the inputs have ${now?.name === undefined ? 'no ' : ''}names now`)]
  }
  const { kept, added, gone, moved } = sideBySide(before, after)
  return [
    ...kept.flatMap(([key, was, is]) => compareTensor(`input ${key}`, was, is)),
    ...added.map(([key]) => breaking(`input ${key} is new, and every input tensor is required`)),
    ...gone.map(([key]) => compatible(`input ${key} is gone; it is ignored where it is sent`)),
    ...(moved ? [compatible('the inputs come in another order')] : []),
  ]
}

type InputTensor = Pick<SchemaTensor, 'dtype' | 'numpy' | 'shape'>

function compareTensor(what: string, before: InputTensor, after: InputTensor): Difference[] {
  const shape = inputShape(before.shape, after.shape)
  const width = before.numpy === after.numpy ? 'same' : numericWidth(before.dtype, after.dtype)
  if (width === 'same' && shape === 'same') return []
  const text = `${what} changed from ${describe(before)} to ${describe(after)}`
  return [width === 'other' || shape === 'other' ? breaking(text) : compatible(text)]
}

function numericWidth(before: DType | undefined, after: DType | undefined): Width {
  if (before === undefined || after === undefined || before === after) return 'other'
  return dtypeWidth(before, after)
}

function describe({ numpy, shape }: InputTensor): string {
  return tensorText(numpy, shape)
}

/** An input may become free where it was fixed, and not the other way. */
function inputShape(before: readonly number[], after: readonly number[]): Width {
  if (before.length !== after.length) return 'other'
  if (before.every((size, axis) => size === after[axis])) return 'same'
  return before.every((size, axis) => size === after[axis] || after[axis] === -1)
    ? 'wider'
    : 'other'
}

/** Without a signature requests name the graph's inputs, and one that it does not have is refused. */
function compareFeeds(before: readonly TensorSpec[], after: readonly TensorSpec[]): Difference[] {
  const { kept, added, gone, moved } = sideBySide(before, after)
  return [
    ...kept.flatMap(([key, was, is]) => compareTensor(`input ${key}`, spelled(was), spelled(is))),
    ...added.map(([key]) => breaking(`input ${key} is new and required`)),
    ...gone.map(([key]) => breaking(`input ${key} is gone`)),
    ...(moved ? [compatible('the inputs come in another order')] : []),
  ]
}

function spelled({ dtype, shape }: TensorSpec): InputTensor {
  return { dtype, numpy: dtype, shape }
}

/** Behind a signature a client notices one thing of the graph: how many rows it takes at once. */
function compareGraphs(before: readonly TensorSpec[], after: readonly TensorSpec[]): Difference[] {
  const old = before.map(fixedRows).find((rows) => rows !== undefined)
  const now = after.map(fixedRows).find((rows) => rows !== undefined)
  const rows =
    now === undefined || now === old
      ? []
      : [
          breaking(
            `the model takes exactly ${now} rows at once now, and took ${old ?? 'any number'}`,
          ),
        ]
  const inside = compareFeeds(before, after)
  return [...rows, ...inside.map(({ text }) => compatible(`behind the signature, ${text}`))]
}

function fixedRows({ shape }: TensorSpec): number | undefined {
  const rows = shape[0] ?? -1
  return rows < 0 ? undefined : rows
}
