import fc, { type Arbitrary } from 'fast-check'
import { framesFit } from './column-plan.ts'
import { columnLists, type Entry, recordTexts } from './frame-bodies.ts'
import { anyToken, type Care, type JsonText, listText, objectText } from './json-text.ts'
import type { ModelShape } from './model-spec.ts'
import { nameOf, rowsOf, tableFor } from './tables.ts'
import { tensorFor } from './tensor-text.ts'

interface TensorLike {
  readonly name: string
  /** A dtype of numpy. */
  readonly dtype: string
  readonly shape: readonly number[]
}

/** What the signature asks for; without one, what the graph does. */
function tensorsOf({ inputs, graph }: ModelShape): readonly TensorLike[] {
  if (inputs.kind === 'tensors') {
    return inputs.tensors.map((it) => ({ name: it.name ?? 'x', ...it['tensor-spec'] }))
  }
  return graph.map(({ name, dtype, shape }) => ({
    name,
    dtype: dtype === 'double' || dtype === 'float' ? 'float64' : dtype === 'string' ? 'str' : dtype,
    shape: shape.map((size) => (typeof size === 'number' ? size : -1)),
  }))
}

function fromTable(model: ModelShape, care: Care): Arbitrary<JsonText> {
  return tableFor(model, care).chain((table) => {
    const rows = rowsOf(table)
    const one = table.columns.map(
      (column, i): Entry => [nameOf(column, i), column.cells[0] ?? '[]'],
    )
    const named = fc.constantFrom(objectText(columnLists(table)), listText(recordTexts(table)))
    const bare = fc.constantFrom(listText(rows.map(listText)), listText(rows.flat()))
    if (care === 'careful') return table.columns[0]?.name === undefined ? bare : named
    return fc.oneof(
      { weight: 8, arbitrary: named },
      { weight: 3, arbitrary: bare },
      { weight: 1, arbitrary: fc.constant(objectText(one)) },
      { weight: 1, arbitrary: fc.constant(rows[0]?.[0] ?? '0') },
    )
  })
}

/** An item for each row: what `instances` was made for. */
function instanceRows(tensors: readonly TensorLike[], care: Care): Arbitrary<JsonText> {
  const row = fc
    .tuple(...tensors.map(({ dtype, shape }) => tensorFor(dtype, shape.slice(1), care)))
    .map((texts) => objectText(texts.map((text, i): Entry => [tensors[i]?.name ?? 'x', text])))
  return fc.array(row, { minLength: 1, maxLength: 3 }).map(listText)
}

/** Whether tensors go by name. */
function hasNames({ inputs }: ModelShape): boolean {
  return inputs.kind !== 'tensors' || inputs.tensors.every(({ name }) => name !== undefined)
}

function fromTensors(model: ModelShape, care: Care): Arbitrary<JsonText> {
  const tensors = tensorsOf(model)
  const whole = fc.tuple(...tensors.map((it) => tensorFor(it.dtype, it.shape, care)))
  return whole.chain((texts) => {
    const entries = texts.map((text, i): Entry => [tensors[i]?.name ?? 'x', text])
    const bare = fc.constant(texts[0] ?? '[]')
    const named = fc.constant(objectText(entries))
    if (care === 'careful') return hasNames(model) ? named : bare
    return fc.oneof(
      { weight: tensors.length === 1 ? 4 : 1, arbitrary: bare },
      { weight: 3, arbitrary: named },
      { weight: 1, arbitrary: fc.subarray(entries).map(objectText) },
      { weight: 1, arbitrary: fc.constant(objectText([...entries, ['zz', '[1]']])) },
      { weight: 1, arbitrary: fc.constant(listText([objectText(entries)])) },
    )
  })
}

/** Data for `inputs` or `instances`. */
export function servingData(
  format: 'inputs' | 'instances',
  model: ModelShape,
  care: Care,
): Arbitrary<JsonText> {
  const columns = model.inputs.kind === 'columns'
  const likely = columns ? fromTable(model, care) : fromTensors(model, care)
  const rows = instanceRows(tensorsOf(model), care)
  const byRow = !columns && format === 'instances' && framesFit(model)
  if (care === 'careful') return byRow && hasNames(model) ? fc.oneof(likely, rows) : likely
  return fc.oneof(
    { weight: 8, arbitrary: likely },
    { weight: byRow ? 4 : 1, arbitrary: rows },
    { weight: 1, arbitrary: columns ? fromTensors(model, care) : fromTable(model, care) },
    { weight: 1, arbitrary: anyToken },
  )
}
