import type { ColumnType, Schema, SchemaTensor } from '../../model/signature.ts'
import { decodeBase64 } from './base64.ts'
import { convertTimes } from './convert-times.ts'
import { BOOL, type Dtype, OBJECT } from './dtype.ts'
import { enforceValue } from './enforce-nested.ts'
import { columnValues, type Frame } from './frame.ts'
import { castColumn } from './numpy-cast.ts'
import { errorRepr, PythonError, surrogateError } from './python-error.ts'
import { isList, isMissing, isTruthy, NdArray, type PyObject } from './python-object.ts'
import { pythonText } from './python-text.ts'
import { invalidInput } from './refusal.ts'
import { pandasType, typeText } from './schema-text.ts'
import { tensorDtype } from './tensor-dtype.ts'

/** How one column is to be cast, and what MLflow calls the type when it fails. */
interface Target {
  readonly name: string
  cast(column: NdArray): NdArray
}

/**
 * A data frame that came as JSON, cast to the signature whatever is lost (mlflow/utils/proto_json_utils.py,
 * `cast_df_types_according_to_schema`). Columns that the signature does not name stay as they are.
 * @throws ServingError INVALID_REQUEST naming the column that cannot be cast.
 */
export function castFrame(frame: Frame, schema: Schema): Frame {
  const columns = [...frame.columns]
  for (const [position, target] of targets(frame, schema)) {
    const column = columns[position]
    if (column === undefined) continue
    try {
      columns[position] = target.cast(column)
    } catch (error) {
      if (!(error instanceof PythonError)) throw error
      const label = pythonText(frame.labels[position] ?? null)
      throw invalidInput(
        `Data is not compatible with model signature. Failed to convert column ${label} to type '${target.name}'. Error: '${errorRepr(error)}'`,
      )
    }
  }
  return { ...frame, columns }
}

/** Columns to cast, in the signature's order: by name, or by position where it has no names. */
function targets(frame: Frame, schema: Schema): readonly (readonly [number, Target])[] {
  const positions = positionsByLabel(frame.labels)
  const specs = schema.kind === 'columns' ? schema.columns : schema.tensors
  const isNamed = specs[0]?.name !== undefined
  if (schema.kind === 'tensors') {
    // One unnamed tensor is meant for every column.
    const each = isNamed ? schema.tensors : frame.labels.map(() => schema.tensors[0])
    return each.flatMap((spec, i) => {
      if (spec === undefined) return []
      const at = isNamed ? (positions.get(spec.name ?? '') ?? []) : [i]
      const repeated =
        (positions.get(isNamed ? (spec.name ?? '') : (frame.labels[i] ?? null)) ?? []).length > 1
      return at.map((position) => [position, tensorTarget(spec, repeated)] as const)
    })
  }
  if (isNamed) {
    return schema.columns.flatMap(({ name, type, required }) => {
      const places = positions.get(name ?? '') ?? []
      const target = columnTarget(type, required)
      const refusing =
        places.length > 1 ? { ...target, cast: refuseRepeated(type, target) } : target
      return places.map((at) => [at, refusing] as const)
    })
  }
  return schema.columns.slice(0, frame.columns.length).map(({ type }, i) => {
    // MLflow looks a column's label up among the positions of the required ones.
    const label = frame.labels[i]
    const required = typeof label === 'bigint' && schema.columns[Number(label)]?.required === true
    return [i, columnTarget(type, required)] as const
  })
}

function positionsByLabel(labels: readonly PyObject[]): ReadonlyMap<PyObject, readonly number[]> {
  const positions = new Map<PyObject, number[]>()
  for (const [i, label] of labels.entries()) {
    const at = positions.get(label)
    if (at === undefined) positions.set(label, [i])
    else at.push(i)
  }
  return positions
}

function columnTarget(type: ColumnType, required: boolean): Target {
  if (type.kind !== 'scalar') {
    const cast = (column: NdArray): NdArray =>
      type.kind === 'any'
        ? column
        : mapColumn(column, (value) => enforceValue(value, type, required))
    return { name: typeText(type), cast }
  }
  const dtype = pandasType(type.type)
  const name = dtype.kind === 'O' ? "<class 'object'>" : dtype.name
  switch (type.type) {
    case 'binary':
      return { name, cast: (column) => mapColumn(column, decodeCell) }
    case 'datetime':
      return { name, cast: convertTimes }
    case 'boolean':
      return { name, cast: castBooleans }
    default:
      return { name, cast: (column) => castUnlessText(column, dtype) }
  }
}

/** What pandas says where a name means two columns and one is needed. */
function refuseRepeated(type: ColumnType, target: Target): Target['cast'] {
  if (type.kind !== 'scalar') return target.cast
  switch (type.type) {
    case 'string':
      return () => {
        throw noDtype()
      }
    case 'boolean':
      return () => {
        throw new PythonError(
          'ValueError',
          'The truth value of a Series is ambiguous. Use a.empty, a.bool(), a.item(), a.any() or a.all().',
        )
      }
    case 'datetime':
      return () => {
        throw new PythonError('ValueError', 'cannot assemble with duplicate keys')
      }
    default:
      return target.cast
  }
}

function noDtype(): PythonError {
  return new PythonError('AttributeError', "'DataFrame' object has no attribute 'dtype'")
}

function tensorTarget(spec: SchemaTensor, repeated: boolean): Target {
  const dtype = tensorDtype(spec)
  return {
    name: dtype.name,
    cast(column) {
      if (dtype.kind === 'S') return mapColumn(column, utf8Cell)
      if (column.shape[0] === 0) {
        throw new PythonError('IndexError', 'single positional indexer is out-of-bounds')
      }
      if (repeated && (dtype.kind === 'U' || dtype.kind === 'O')) throw noDtype()
      // The lists of a column, but not of two columns of one name, become a tensor later, when the signature is enforced.
      if (!repeated && isList((column.data[0] ?? null) as PyObject)) return column
      return castUnlessText(column, dtype)
    },
  }
}

/** pandas' own text stays what it is where objects or text are asked for. */
function castUnlessText(column: NdArray, dtype: Dtype): NdArray {
  if (column.dtype.kind === 'T' && (dtype.kind === 'O' || dtype.kind === 'U')) return column
  return castColumn(column, dtype)
}

function mapColumn(column: NdArray, convert: (value: PyObject) => PyObject): NdArray {
  return new NdArray(OBJECT, column.shape, columnValues(column).map(convert))
}

/** Truth of each value; what is missing stays missing. */
function castBooleans(column: NdArray): NdArray {
  const values = columnValues(column)
  if (!values.some(isMissing)) return castColumn(column, BOOL)
  return new NdArray(
    OBJECT,
    column.shape,
    values.map((value) => (isMissing(value) ? value : isTruthy(value))),
  )
}

function decodeCell(value: PyObject): PyObject {
  return decodeBase64(encodable(value))
}

function utf8Cell(value: PyObject): PyObject {
  return new TextEncoder().encode(encodable(value))
}

/** What `bytes(value, "utf8")` takes. */
function encodable(value: PyObject): string {
  if (typeof value !== 'string')
    throw new PythonError('TypeError', 'encoding without a string argument')
  const error = surrogateError(value)
  if (error !== undefined) throw error
  return value
}
