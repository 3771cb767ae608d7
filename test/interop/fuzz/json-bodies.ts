import fc, { type Arbitrary } from 'fast-check'
import { framesFit } from './column-plan.ts'
import { columnLists, type Entry, records, split } from './frame-bodies.ts'
import { anyToken, type Care, type JsonText, objectText, scalarToken } from './json-text.ts'
import type { ModelShape, Param } from './model-spec.ts'
import { paramEntries } from './params-text.ts'
import { servingData } from './serving-data.ts'
import { nameOf, tableFor } from './tables.ts'

const FORMATS = ['dataframe_split', 'dataframe_records', 'inputs', 'instances'] as const
const SERVING = ['inputs', 'instances'] as const
const UNWRAPPED = ['prompt', 'input', 'messages']

/** Entries beside the data: params most of all. */
function siblings(params: readonly Param[] | undefined, care: Care): Arbitrary<readonly Entry[]> {
  const object = paramEntries(params, care).map((it): Entry[] => [['params', objectText(it)]])
  const usual = fc.oneof(
    { weight: params === undefined ? 6 : 1, arbitrary: fc.constant<Entry[]>([]) },
    { weight: params === undefined ? 1 : 3, arbitrary: object },
  )
  if (care === 'careful') return usual
  const one = (key: Arbitrary<string>) => fc.tuple(key, anyToken).map((it): Entry[] => [it])
  return fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: one(fc.constant('params')) },
    { weight: 1, arbitrary: one(fc.constant('signature_name')) },
    { weight: 1, arbitrary: one(fc.constantFrom(...FORMATS)) },
  )
}

function dataFor(
  format: (typeof FORMATS)[number],
  model: ModelShape,
  care: Care,
): Arbitrary<JsonText> {
  switch (format) {
    case 'dataframe_split':
      return tableFor(model, care).chain((table) => split(table, care))
    case 'dataframe_records':
      return tableFor(model, care).chain((table) => records(table, care))
    default:
      return servingData(format, model, care)
  }
}

function classic(model: ModelShape, care: Care): Arbitrary<JsonText> {
  const frames = care === 'careless' || framesFit(model)
  return fc.oneof(
    ...(frames ? FORMATS : SERVING).map((format) =>
      fc
        .tuple(dataFor(format, model, care), siblings(model.params, care))
        .map(([data, more]) => objectText([[format, data], ...more])),
    ),
  )
}

function unwrapped(model: ModelShape, care: Care): Arbitrary<JsonText> {
  const entries = tableFor(model, care).chain((table) => {
    const row = table.columns.map(
      (column, i): Entry => [nameOf(column, i), column.cells[0] ?? 'null'],
    )
    return fc.constantFrom(row, columnLists(table))
  })
  const key = fc
    .tuple(fc.constantFrom(...UNWRAPPED), fc.oneof(scalarToken, anyToken))
    .map((it): Entry => it)
  return fc
    .tuple(entries, fc.option(key, { freq: 4 }), paramEntries(model.params, care))
    .map(([made, forced, params]) => {
      const has = made.some(([name]) => UNWRAPPED.includes(name))
      const extra: Entry[] = forced !== null ? [forced] : has ? [] : [['prompt', '"x"']]
      return objectText([...made, ...extra, ...params])
    })
}

/** A JSON body in one of the forms. */
export function jsonBody(model: ModelShape, care: Care): Arbitrary<JsonText> {
  const columns = model.inputs.kind === 'columns'
  const usual = fc.oneof(
    { weight: 16, arbitrary: classic(model, care) },
    { weight: columns ? 3 : 1, arbitrary: unwrapped(model, care) },
  )
  if (care === 'careful') return usual
  const entries = fc.tuple(fc.constantFrom(...FORMATS, 'params', 'zz'), anyToken)
  return fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: anyToken },
    { weight: 1, arbitrary: fc.array(entries, { maxLength: 3 }).map(objectText) },
  )
}
