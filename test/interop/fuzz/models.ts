import fc, { type Arbitrary } from 'fast-check'
import type {
  Column,
  ColumnType,
  GraphValue,
  Inputs,
  ModelShape,
  Param,
  Property,
  ScalarName,
  TensorColumn,
} from './model-spec.ts'

const NAMES = ['a', 'b', 'c', 'd', 'é', 'a b', '0', '1', "it's", 'prompt', 'input', 'messages']
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES.slice(0, 4)) },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
)

/** Element types of ONNX that hold each column type as it is. */
const ELEMENT: Readonly<Record<ScalarName, string>> = {
  boolean: 'bool',
  integer: 'int32',
  long: 'int64',
  float: 'float',
  double: 'double',
  string: 'string',
  binary: 'string',
  datetime: 'int64',
}
const SCALARS = Object.keys(ELEMENT) as ScalarName[]

/** Names of numpy's dtypes, as tensor signatures have them, and the element types that they are fed to. */
const TENSOR_ELEMENT: Readonly<Record<string, string>> = {
  float32: 'float',
  float64: 'double',
  float16: 'float16',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
  bool: 'bool',
  str: 'string',
  object: 'string',
}
const ELEMENTS = [...new Set(Object.values(TENSOR_ELEMENT))]

const scalarType: Arbitrary<ColumnType> = fc
  .oneof(
    { weight: 4, arbitrary: fc.constantFrom<ScalarName>('integer', 'long', 'double', 'string') },
    { weight: 3, arbitrary: fc.constantFrom(...SCALARS) },
  )
  .map((type) => ({ type }))

const propertyNames = fc.uniqueArray(fc.constantFrom('k', 'l', 'name', 'é'), {
  minLength: 1,
  maxLength: 3,
})

const nestedType: Arbitrary<ColumnType> = fc.letrec<{ any: ColumnType; nested: ColumnType }>(
  (tie) => ({
    any: fc.oneof(
      { maxDepth: 2 },
      { weight: 4, arbitrary: scalarType },
      { weight: 1, arbitrary: fc.constant<ColumnType>({ type: 'any' }) },
      { weight: 2, arbitrary: tie('nested') },
    ),
    nested: fc.oneof(
      tie('any').map((items): ColumnType => ({ type: 'array', items })),
      tie('any').map((values): ColumnType => ({ type: 'map', values })),
      propertyNames.chain((keys) =>
        fc.tuple(...keys.map(() => fc.tuple(tie('any'), fc.boolean()))).map((parts): ColumnType => {
          const properties: Record<string, Property> = {}
          for (const [i, [type, required]] of parts.entries()) {
            properties[keys[i] ?? ''] = { ...type, required }
          }
          return { type: 'object', properties }
        }),
      ),
    ),
  }),
).nested

const columnType = fc.oneof(
  { weight: 6, arbitrary: scalarType },
  { weight: 2, arbitrary: nestedType },
  { weight: 1, arbitrary: fc.constant<ColumnType>({ type: 'any' }) },
)

const namedColumns: Arbitrary<readonly Column[]> = fc
  .uniqueArray(
    fc.record({
      type: columnType,
      name,
      required: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.boolean()),
    }),
    { minLength: 1, maxLength: 4, selector: (it) => it.name },
  )
  .map((columns) => columns.map(({ type, ...rest }) => ({ ...type, ...rest })))

const unnamedColumns: Arbitrary<readonly Column[]> = fc
  .array(columnType, { minLength: 1, maxLength: 4 })
  .map((types) => types.map((type) => ({ ...type, required: true })))

const dimensions = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom([-1], [-1, 1], [-1, 2], [-1, 3], [-1, 2, 2]) },
  { weight: 1, arbitrary: fc.constantFrom([-1, -1], [2, 2], []) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(-1, 1, 2), { maxLength: 4 }) },
)
const tensorSpec = fc.record({
  dtype: fc.oneof(
    fc.constantFrom('float32', 'float64', 'int64', 'str'),
    fc.constantFrom(...Object.keys(TENSOR_ELEMENT)),
  ),
  shape: dimensions,
})
const tensors: Arbitrary<readonly TensorColumn[]> = fc.oneof(
  tensorSpec.map((spec): TensorColumn[] => [{ type: 'tensor', 'tensor-spec': spec }]),
  fc
    .uniqueArray(fc.tuple(name, tensorSpec), { minLength: 1, maxLength: 3, selector: ([it]) => it })
    .map((list): TensorColumn[] =>
      list.map(([key, spec]) => ({ type: 'tensor', name: key, 'tensor-spec': spec })),
    ),
)

const inputs: Arbitrary<Inputs> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Inputs>({ kind: 'none' }) },
  { weight: 4, arbitrary: namedColumns.map((columns): Inputs => ({ kind: 'columns', columns })) },
  { weight: 1, arbitrary: unnamedColumns.map((columns): Inputs => ({ kind: 'columns', columns })) },
  { weight: 4, arbitrary: tensors.map((list): Inputs => ({ kind: 'tensors', tensors: list })) },
)

const PARAM_DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  integer: [1, -2],
  long: [2, 9_007_199_254_740_991],
  float: [0.5, 2],
  double: [0.25, 1e300],
  string: ['s', ''],
  datetime: ['2024-01-02T03:04:05'],
}
const paramType = fc.constantFrom(...Object.keys(PARAM_DEFAULTS))
const param: Arbitrary<Omit<Param, 'name'>> = paramType.chain((type) => {
  const value = fc.constantFrom(...(PARAM_DEFAULTS[type] ?? []))
  return fc.oneof(
    { weight: 3, arbitrary: value.map((it) => ({ type, default: it, shape: null })) },
    { weight: 1, arbitrary: fc.constant({ type, default: null, shape: null }) },
    {
      weight: 2,
      arbitrary: fc
        .array(value, { minLength: 1, maxLength: 3 })
        .map((it) => ({ type, default: it, shape: [-1] })),
    },
  )
})
const params: Arbitrary<readonly Param[] | undefined> = fc.option(
  fc.uniqueArray(
    fc
      .tuple(fc.constantFrom('t', 'k', 'é', 'temperature', 'a'), param)
      .map(([key, rest]) => ({ name: key, ...rest })),
    { minLength: 1, maxLength: 3, selector: (it) => it.name },
  ),
  { nil: undefined, freq: 3 },
)

/** What one array of all these columns is made of. */
function widened(columns: readonly Column[]): string {
  const kinds = new Set(columns.map(({ type }) => (type in ELEMENT ? type : 'nested')))
  const only = (...names: readonly string[]) => [...kinds].every((kind) => names.includes(kind))
  if (only('boolean')) return 'bool'
  if (only('integer')) return 'int32'
  if (only('integer', 'long')) return 'int64'
  if (only('float')) return 'float'
  if (only('integer', 'long', 'float', 'double')) return 'double'
  return 'string'
}

const anyElement = fc.constantFrom(...ELEMENTS)
function usually<T>(value: T, otherwise: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof(
    { weight: 14, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: otherwise },
  )
}

/** A graph that takes what this signature gives; now and then one that does not. */
function graphFor(signature: Inputs): Arbitrary<readonly GraphValue[]> {
  if (signature.kind === 'tensors') {
    const values = signature.tensors.map((tensor, i) => {
      const { dtype, shape } = tensor['tensor-spec']
      const free = shape.map((size, axis) => (size === -1 ? `d${i}${axis}` : size))
      return usually(TENSOR_ELEMENT[dtype] ?? 'float', anyElement).map((element) => ({
        name: tensor.name ?? 'x',
        dtype: element,
        shape: free,
      }))
    })
    return fc.tuple(...values)
  }
  const { columns } = signature.kind === 'columns' ? signature : { columns: [] }
  const element =
    signature.kind === 'none'
      ? fc.oneof(fc.constantFrom('double', 'float', 'int64', 'bool', 'string'), anyElement)
      : usually(widened(columns), fc.constantFrom(...ELEMENTS))
  const one = fc
    .tuple(
      element,
      usually<readonly (number | string)[]>(['n', 'k'], fc.constantFrom(['n'], ['n', 2])),
    )
    .map(([dtype, shape]): GraphValue[] => [{ name: 'x', dtype, shape: [...shape] }])
  const each = fc.tuple(
    ...(columns.length > 0 ? columns : ([{ type: 'double' }, { type: 'string' }] as const)).map(
      (column, i) =>
        usually(ELEMENT[column.type as ScalarName] ?? 'string', anyElement).map((dtype) => ({
          name: 'name' in column ? (column.name ?? String(i)) : (NAMES[i] ?? 'x'),
          dtype,
          shape: ['n'],
        })),
    ),
  )
  return fc.oneof({ weight: 2, arbitrary: one }, { weight: 1, arbitrary: each })
}

/** Casts that lose nothing that depends on the machine. */
const CASTS: Readonly<Record<string, readonly string[]>> = {
  double: ['float', 'float16'],
  float: ['double', 'float16'],
  int32: ['double', 'int64', 'bool'],
  int64: ['double', 'bool', 'float'],
  uint8: ['int64', 'uint64', 'float16'],
  bool: ['int64', 'float'],
}

function outputsFor(graph: readonly GraphValue[]): Arbitrary<ModelShape['outputs']> {
  return fc.tuple(
    ...graph.map((input) => {
      const copy = {
        ...input,
        name: graph.length === 1 ? 'y' : `${input.name}_y`,
        input: input.name,
      }
      return usually(input.dtype, fc.constantFrom(input.dtype, ...(CASTS[input.dtype] ?? []))).map(
        (dtype) => ({ ...copy, dtype }),
      )
    }),
  )
}

/** A random model: a signature, and a graph that mostly fits it. */
export const modelShape: Arbitrary<ModelShape> = fc
  .tuple(inputs, params)
  .chain(([signature, paramSchema]) =>
    graphFor(signature).chain((graph) =>
      outputsFor(graph).map((outputs) => ({
        inputs: signature,
        params: paramSchema,
        graph,
        outputs,
      })),
    ),
  )
