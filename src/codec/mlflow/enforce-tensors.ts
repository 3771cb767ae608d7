import type { SchemaTensor } from '../../model/signature.ts'
import { type Frame, framePositions } from '../pandas/frame.ts'
import { frameValues } from '../pandas/frame-values.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { PythonError } from '../python/python-error.ts'
import { NdArray, type PyDict, type PyObject, typeText } from '../python/python-object.ts'
import { pythonRepr } from '../python/python-text.ts'
import { checkTensor } from './check-tensor.ts'
import { columnTensor, unsupportedCells } from './column-tensor.ts'
import type { RequestData } from './request-data.ts'
import { requireNames } from './required-names.ts'

/**
 * Data as the tensors of the signature: dtype, rank and sizes must be its own (mlflow/models/utils.py, `_enforce_tensor_schema`).
 * @throws PythonError in MLflow's, pandas' or numpy's words.
 */
export function enforceTensors(
  data: RequestData,
  specs: readonly SchemaTensor[],
  hideDetails: boolean,
): RequestData {
  const first = specs[0]
  if (first === undefined) throw new RangeError('A schema has at least one tensor')
  if (first.name === undefined) return { kind: 'array', array: enforceUnnamed(data, first) }
  const named = bindSingle(data, specs)
  requireNames(
    specs.map((spec) => spec.name ?? ''),
    [],
    namesOf(named),
    hideDetails,
  )
  return { kind: 'dict', dict: enforceNamed(named, specs) }
}

/** One array is meant for the only name. */
function bindSingle(data: RequestData, specs: readonly SchemaTensor[]): RequestData {
  const name = specs[0]?.name
  if (data.kind !== 'array' || specs.length !== 1 || name === undefined) return data
  return { kind: 'dict', dict: new Map([[name, data.array]]) }
}

function namesOf(data: RequestData): Iterable<PyObject> {
  if (data.kind === 'frame') return data.frame.labels
  return data.kind === 'dict' ? data.dict.keys() : []
}

function enforceNamed(data: RequestData, specs: readonly SchemaTensor[]): PyDict {
  const tensors = new Map<string, PyObject>()
  for (const spec of specs) {
    const name = spec.name ?? ''
    if (data.kind === 'dict') tensors.set(name, checkTensor(arrayOf(data.dict, name), spec))
    if (data.kind === 'frame')
      tensors.set(name, columnTensor(name, columnOf(data.frame, name), spec))
  }
  return tensors
}

function arrayOf(dict: PyDict, name: string): NdArray {
  const value = dict.get(name) ?? null
  if (value instanceof NdArray) return value
  throw new PythonError(
    'MlflowException',
    'This model contains a tensor-based model signature with input names,' +
      ' which suggests a dictionary input mapping input name to a numpy' +
      ` array, but a dict with value type ${typeText(value)} was found.`,
  )
}

function columnOf(frame: Frame, name: string): NdArray {
  const [position, second] = framePositions(frame, name)
  const column = position === undefined ? undefined : frame.columns[position]
  if (column === undefined) throw new PythonError('KeyError', pythonRepr(name))
  if (second !== undefined) {
    throw unsupportedCells()
  }
  return column
}

function enforceUnnamed(data: RequestData, spec: SchemaTensor): NdArray {
  if (data.kind === 'array') return checkTensor(data.array, spec)
  if (data.kind === 'frame') return enforceFrame(data.frame, spec)
  throw new PythonError(
    'MlflowException',
    'This model contains a tensor-based model signature with no input names,' +
      ' which suggests a numpy array input or a pandas dataframe input with' +
      ` proper column values, but an input of type ${dataTypeText(data)} was found.`,
  )
}

function dataTypeText(data: RequestData): string {
  switch (data.kind) {
    case 'dict':
      return "<class 'dict'>"
    case 'list':
      return "<class 'list'>"
    default:
      return data.kind === 'other' ? typeText(data.value) : ''
  }
}

function enforceFrame(frame: Frame, spec: SchemaTensor): NdArray {
  const width = frame.columns.length
  const only = frame.columns[0]
  if (only === undefined || frame.rows === 0) {
    throw new PythonError('MlflowException', 'Input DataFrame is empty.')
  }
  if (width === 1) return columnTensor(undefined, only, spec)
  if (spec.shape.length !== 2 || spec.shape[0] !== -1 || spec.shape[1] !== width) {
    throw new PythonError(
      'MlflowException',
      'This model contains a model signature with an unnamed input. Since the ' +
        'input data is a pandas DataFrame containing multiple columns, ' +
        'the input shape must be of the structure ' +
        '(-1, number_of_dataframe_columns). ' +
        `Instead, the input DataFrame passed had ${width} columns and ` +
        `an input shape of ${shapeText(spec.shape)} with all values within the ` +
        'DataFrame of scalar type. Please adjust the passed in DataFrame to ' +
        'match the expected structure',
    )
  }
  return checkTensor(frameValues(frame), spec)
}
