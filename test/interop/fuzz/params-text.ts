import fc, { type Arbitrary } from 'fast-check'
import { goodCell, oddCell } from './cells.ts'
import type { Entry } from './frame-bodies.ts'
import { type Care, type JsonText, listText, scalarToken } from './json-text.ts'
import type { ColumnType, Param } from './model-spec.ts'

function valueText(param: Param, care: Care): Arbitrary<JsonText> {
  const type = { type: param.type } as ColumnType
  const good = goodCell(type)
  const list = fc.array(good, { maxLength: 3 }).map(listText)
  const usual = param.shape === null ? good : list
  if (care === 'careful') return usual
  return fc.oneof(
    { weight: 6, arbitrary: usual },
    { weight: 1, arbitrary: good },
    { weight: 1, arbitrary: list },
    { weight: 2, arbitrary: oddCell(type) },
    { weight: 1, arbitrary: fc.array(oddCell(type), { maxLength: 3 }).map(listText) },
  )
}

/** Some of the params of a signature; now and then one that it does not know. */
export function paramEntries(
  params: readonly Param[] | undefined,
  care: Care,
): Arbitrary<readonly Entry[]> {
  const entries = (params ?? []).map((param) =>
    valueText(param, care).map((it): Entry => [param.name, it]),
  )
  const extra = scalarToken.map((it): Entry => ['unknown', it])
  return fc
    .tuple(fc.tuple(...entries), fc.option(extra, { freq: 4 }))
    .chain(([made, more]) => fc.subarray(more === null ? made : [...made, more]))
}
