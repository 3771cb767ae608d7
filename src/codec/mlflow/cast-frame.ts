import type { ColumnSpec, Schema, SchemaTensor } from '../../model/signature.ts'
import type { Frame, Label } from '../pandas/frame.ts'
import { errorRepr, PythonError } from '../python/python-error.ts'
import { pythonText } from '../python/python-text.ts'
import { type ColumnCast, columnCast, tensorCast } from './column-casts.ts'
import { invalidInput } from './refusal.ts'
import { repeatedColumnError } from './repeated-columns.ts'

/**
 * A data frame that came as JSON, cast to the signature whatever is lost (mlflow/utils/proto_json_utils.py,
 * `cast_df_types_according_to_schema`). Columns that the signature does not name stay as they are.
 * @throws ServingError INVALID_REQUEST naming the column that cannot be cast.
 */
export function castFrame(frame: Frame, schema: Schema): Frame {
  const columns = [...frame.columns]
  for (const [position, cast] of castsOf(frame.labels, schema)) {
    const column = columns[position]
    if (column === undefined) continue
    try {
      columns[position] = cast.cast(column)
    } catch (error) {
      if (!(error instanceof PythonError)) throw error
      const label = pythonText(frame.labels[position] ?? null)
      throw invalidInput(
        `Data is not compatible with model signature. Failed to convert column ${label} to type '${cast.name}'. Error: '${errorRepr(error)}'`,
      )
    }
  }
  return { ...frame, columns }
}

/** The position of a column, and its cast. */
type PlacedCast = readonly [position: number, cast: ColumnCast]

/** The casts in the signature's order: by name, or by position where it has no names. */
function castsOf(labels: readonly Label[], schema: Schema): readonly PlacedCast[] {
  if (schema.kind === 'tensors') return tensorCasts(labels, schema.tensors)
  const isNamed = schema.columns[0]?.name !== undefined
  return isNamed ? namedCasts(labels, schema.columns) : unnamedCasts(labels, schema.columns)
}

function namedCasts(
  labels: readonly Label[],
  columns: readonly ColumnSpec[],
): readonly PlacedCast[] {
  const positions = positionsByLabel(labels)
  return columns.flatMap(({ name = '', type, required }) => {
    const places = positions.get(name) ?? []
    const cast = columnCast(type, required)
    const error = places.length > 1 ? repeatedColumnError(type) : undefined
    const placed = error === undefined ? cast : { ...cast, cast: () => raise(error) }
    return places.map((place): PlacedCast => [place, placed])
  })
}

function raise(error: PythonError): never {
  throw error
}

function unnamedCasts(
  labels: readonly Label[],
  columns: readonly ColumnSpec[],
): readonly PlacedCast[] {
  return columns.slice(0, labels.length).map(({ type }, place): PlacedCast => {
    // MLflow looks a column's label up among the positions of the required ones.
    const label = labels[place]
    const required = typeof label === 'bigint' && columns[Number(label)]?.required === true
    return [place, columnCast(type, required)]
  })
}

/** One unnamed tensor is meant for every column. */
function tensorCasts(
  labels: readonly Label[],
  tensors: readonly SchemaTensor[],
): readonly PlacedCast[] {
  const positions = positionsByLabel(labels)
  const [first] = tensors
  if (first !== undefined && first.name === undefined) {
    return labels.map((label, place): PlacedCast => {
      return [place, tensorCast(first, (positions.get(label) ?? []).length > 1)]
    })
  }
  return tensors.flatMap((tensor) => {
    const places = positions.get(tensor.name ?? '') ?? []
    const cast = tensorCast(tensor, places.length > 1)
    return places.map((place): PlacedCast => [place, cast])
  })
}

function positionsByLabel(labels: readonly Label[]): ReadonlyMap<Label, readonly number[]> {
  const positions = new Map<Label, number[]>()
  for (const [i, label] of labels.entries()) {
    const at = positions.get(label)
    if (at === undefined) positions.set(label, [i])
    else at.push(i)
  }
  return positions
}
