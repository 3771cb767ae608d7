import type { GraphModel } from '@tensorflow/tfjs-converter'
import { ServingError } from '../../errors.ts'
import { isMapping } from '../../model/flavor.ts'
import type { DType, TensorSpec } from '../../model/tensor.ts'

/** What TensorFlow.js makes of TensorFlow's element types (tfjs-converter/src/operations/operation_mapper.ts, `parseDtypeParam`). */
const DTYPES: Readonly<Record<string, DType>> = {
  DT_FLOAT: 'float32',
  DT_DOUBLE: 'float32',
  DT_HALF: 'float32',
  DT_INT8: 'int32',
  DT_INT16: 'int32',
  DT_INT32: 'int32',
  DT_INT64: 'int32',
  DT_UINT8: 'int32',
  DT_BOOL: 'bool',
  DT_STRING: 'string',
  float32: 'float32',
  int32: 'int32',
  bool: 'bool',
  string: 'string',
}

interface Specs {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/**
 * Inputs and outputs of a graph: as the signature of the SavedModel names them, else by the names of the nodes.
 * An unknown rank has the shape [].
 * @throws ServingError MODEL_UNSUPPORTED for an element type that cannot be passed.
 */
export function graphSpecs(signature: unknown, model: GraphModel): Specs {
  const named = isMapping(signature) ? signature : {}
  return {
    inputs: signatureSpecs(named.inputs, 'input') ?? model.inputs.map(nodeSpec('input')),
    outputs: signatureSpecs(named.outputs, 'output') ?? model.outputs.map(nodeSpec('output')),
  }
}

function signatureSpecs(entries: unknown, role: string): readonly TensorSpec[] | undefined {
  if (!isMapping(entries)) return undefined
  const specs = Object.entries(entries)
    // Those with a resource are hash tables that the model itself feeds.
    .filter(([, info]) => isMapping(info) && (info.resourceId ?? null) === null)
    .map(([name, info]) => {
      const { dtype, tensorShape } = info as Readonly<Record<string, unknown>>
      return { name, dtype: toDType(dtype, name, role), shape: signatureShape(tensorShape) }
    })
  return specs.length > 0 ? specs : undefined
}

/** `{dim: [{size: '-1'}, {size: '4'}]}` */
function signatureShape(shape: unknown): readonly number[] {
  if (!isMapping(shape) || !Array.isArray(shape.dim)) return []
  return shape.dim.map((dimension: unknown) => {
    const size = isMapping(dimension) ? Number(dimension.size ?? 0) : -1
    return Number.isSafeInteger(size) && size >= 0 ? size : -1
  })
}

function nodeSpec(role: string) {
  return ({ name, dtype, shape }: GraphModel['inputs'][number]): TensorSpec => ({
    name,
    dtype: toDType(dtype ?? 'float32', name, role),
    shape: (shape ?? []).map((size) => (size >= 0 ? size : -1)),
  })
}

/** @throws ServingError MODEL_UNSUPPORTED for an element type that cannot be passed. */
export function toDType(dtype: unknown, name: string, role: string): DType {
  const known = DTYPES[String(dtype)]
  if (known !== undefined) return known
  throw new ServingError(
    'MODEL_UNSUPPORTED',
    `The ${role} "${name}" has the element type ${String(dtype)}, which TensorFlow.js cannot pass`,
  )
}
