import { ServingError } from '../errors.ts'
import { parseColumnType, parseObjectType, scalarType } from './parse-column-type.ts'
import type { ColumnSpec, ParamSpec, Schema, SchemaTensor, Signature } from './signature.ts'
import { isRecord, parseSchemaJson } from './signature-json.ts'
import { DTYPES, type DType } from './tensor.ts'

/** The signature keys of an MLmodel file: each schema is a string that holds JSON, or null. */
export interface SignatureSource {
  readonly inputs?: unknown
  readonly outputs?: unknown
  readonly params?: unknown
  readonly fromTypeHints?: boolean
}

/**
 * Reads the signature of an MLmodel file (mlflow/models/signature.py, `ModelSignature.from_dict`;
 * mlflow/types/schema.py). Older spellings are read too: `dtype` for a param's `type`, schemas without `required`.
 * @throws ServingError MODEL_INVALID naming the entry that cannot be read.
 */
export function parseSignature(source: SignatureSource): Signature {
  const inputs = entries(source.inputs, 'inputs')
  const outputs = entries(source.outputs, 'outputs')
  const params = entries(source.params, 'params')
  return {
    inputs: inputs && parseSchema(inputs, 'inputs'),
    outputs: outputs && parseSchema(outputs, 'outputs'),
    params: params && parseParams(params),
    fromTypeHints: source.fromTypeHints ?? false,
  }
}

function entries(text: unknown, field: string): readonly unknown[] | undefined {
  if (text === undefined || text === null || text === '') return undefined
  const parsed = parseSchemaJson(text, field)
  if (Array.isArray(parsed)) return parsed
  throw invalid(`Expected signature.${field} to hold a JSON list, got ${typeof parsed}`)
}

function parseSchema(list: readonly unknown[], field: string): Schema {
  if (list.length === 0) throw invalid(`Expected signature.${field} to have at least one entry`)
  const records = list.map((entry, i) => {
    if (isRecord(entry)) return entry
    throw invalid(`Expected signature.${field}[${i}] to be a JSON object`)
  })
  const tensors = records.filter((record) => record.type === 'tensor').length
  if (tensors !== 0 && tensors !== records.length) {
    throw invalid(`Expected signature.${field} to be all columns or all tensors, got a mixture`)
  }
  const named = records.filter((record) => typeof record.name === 'string').length
  if (named !== 0 && named !== records.length) {
    throw invalid(`Expected the entries of signature.${field} to be all named or all unnamed`)
  }
  if (tensors === 0) {
    return { kind: 'columns', columns: records.map((record, i) => parseColumn(record, field, i)) }
  }
  if (named === 0 && tensors > 1) {
    throw invalid(`Expected the ${tensors} tensors of signature.${field} to have names`)
  }
  return { kind: 'tensors', tensors: records.map((record, i) => parseTensor(record, field, i)) }
}

function parseColumn(record: Record<string, unknown>, field: string, i: number): ColumnSpec {
  const where = `signature.${field}[${i}]`
  const name = typeof record.name === 'string' ? record.name : undefined
  if (name === undefined && record.required === false) {
    throw invalid(`Expected ${where} to be required, because it has no name`)
  }
  const type = parseColumnType(record, where)
  // MLflow leaves `required` null where a nested column does not give it, and null counts as false.
  const required = record.required ?? type.kind === 'scalar'
  return { name, type, required: required === true }
}

/** Spellings that `numpy.dtype` takes beside the names of its types. */
const NUMPY_ALIASES: Readonly<Record<string, string>> = {
  float: 'float64',
  double: 'float64',
  int: 'int64',
  bool_: 'bool',
  U: 'str',
  S: 'bytes',
  O: 'object',
}

function parseTensor(record: Record<string, unknown>, field: string, i: number): SchemaTensor {
  const where = `signature.${field}[${i}]`
  const spec = record['tensor-spec']
  if (!isRecord(spec) || typeof spec.dtype !== 'string') {
    throw invalid(`Expected ${where} to have a tensor-spec with a dtype`)
  }
  const shape = spec.shape
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= -1)) {
    throw invalid(`Expected ${where} to have a shape of sizes, or -1 where free`)
  }
  const numpy = NUMPY_ALIASES[spec.dtype] ?? spec.dtype
  const name = typeof record.name === 'string' ? record.name : undefined
  return { name, dtype: numericType(numpy), numpy, shape }
}

function numericType(numpy: string): DType | undefined {
  if (numpy === 'str' || numpy === 'object') return 'string'
  return Object.hasOwn(DTYPES, numpy) && numpy !== 'string' ? (numpy as DType) : undefined
}

function parseParams(list: readonly unknown[]): readonly ParamSpec[] {
  const seen = new Set<string>()
  return list.map((record, i) => {
    const where = `signature.params[${i}]`
    if (!isRecord(record) || record.name === undefined)
      throw invalid(`Expected ${where} to have a name`)
    const name = String(record.name)
    if (seen.has(name))
      throw invalid(`Expected the params to have different names, got '${name}' twice`)
    seen.add(name)
    const typeName = record.type ?? record.dtype
    const type =
      typeName === 'object' ? parseObjectType(record, where) : scalarType(typeName, where)
    const shape = record.shape ?? null
    if (shape !== null && !(Array.isArray(shape) && shape.length === 1 && shape[0] === -1)) {
      throw invalid(`Expected ${where} to have the shape null or [-1]`)
    }
    return { name, type, default: record.default ?? null, shape }
  })
}

function invalid(message: string): ServingError {
  return new ServingError('MODEL_INVALID', message)
}
