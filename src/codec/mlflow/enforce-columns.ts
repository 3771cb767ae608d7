import type { ColumnSpec } from '../../model/signature.ts'
import { columnValues, type Frame } from '../pandas/frame.ts'
import { inferColumn } from '../pandas/infer-column.ts'
import { PythonError } from '../python/python-error.ts'
import type { NdArray, PyObject } from '../python/python-object.ts'
import { enforceColumn } from './enforce-column.ts'
import { enforceValue } from './enforce-nested.ts'
import { inputFrame } from './input-frame.ts'
import { frameData, type RequestData } from './request-data.ts'
import { requireNames } from './required-names.ts'

/**
 * Data as a frame with the columns of the signature, in its order; others are dropped.
 * @throws PythonError in MLflow's, pandas' or numpy's words.
 */
export function enforceColumns(
  data: RequestData,
  specs: readonly ColumnSpec[],
  hideDetails: boolean,
): RequestData {
  const frame = inputFrame(data, specs)
  return frameData(
    specs[0]?.name === undefined
      ? enforceByPosition(frame, specs)
      : enforceByName(frame, specs, hideDetails),
  )
}

function enforceByPosition(frame: Frame, specs: readonly ColumnSpec[]): Frame {
  const { length } = frame.columns
  if (length < specs.length) {
    throw new PythonError(
      'MlflowException',
      'Model inference is missing inputs. The model signature declares ' +
        `${specs.length} inputs  but the provided value only has ` +
        `${length} inputs. Note: the inputs were not named in the signature so we can ` +
        'only verify their count.',
    )
  }
  const columns = specs.map((spec, i) => enforceAt(frame, i, spec, true))
  return { labels: frame.labels.slice(0, specs.length), columns, rows: frame.rows }
}

function enforceByName(frame: Frame, specs: readonly ColumnSpec[], hideDetails: boolean): Frame {
  const required = specs.filter((spec) => spec.required).map((spec) => spec.name ?? '')
  const optional = specs.filter((spec) => !spec.required).map((spec) => spec.name ?? '')
  requireNames(required, optional, frame.labels, hideDetails)
  const positions = new Map<PyObject, number>()
  const repeated = new Set<PyObject>()
  for (const [i, label] of frame.labels.entries()) {
    if (positions.has(label)) repeated.add(label)
    else positions.set(label, i)
  }
  const labels: string[] = []
  const columns: NdArray[] = []
  for (const spec of specs) {
    const name = spec.name ?? ''
    const position = positions.get(name)
    if (position === undefined) continue
    if (repeated.has(name)) {
      throw new PythonError('AttributeError', "'DataFrame' object has no attribute 'dtype'")
    }
    labels.push(name)
    columns.push(enforceAt(frame, position, spec, spec.required))
  }
  return { labels, columns, rows: frame.rows }
}

function enforceAt(frame: Frame, i: number, spec: ColumnSpec, required: boolean): NdArray {
  const column = frame.columns[i]
  if (column === undefined) throw new RangeError(`No column ${i}`)
  const { type } = spec
  if (type.kind === 'scalar') return enforceColumn(frame.labels[i] ?? null, column, type.type)
  return inferColumn(columnValues(column).map((value) => enforceValue(value, type, required)))
}
