import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSyntaxError } from '../../../src/codec/json/json-syntax-error.ts'
import { decodeJson } from '../../../src/codec/mlflow/decode-json.ts'
import { createDirectDecoder } from '../../../src/codec/mlflow/direct.ts'
import type { Invocation, ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import type { ScalarType, Schema } from '../../../src/model/signature.ts'
import type { DType, TensorSpec } from '../../../src/model/tensor.ts'
import { plainReference } from './plain-reference.ts'

const input = (name: string, dtype: DType, ...shape: number[]): TensorSpec => ({
  name,
  dtype,
  shape,
})

function contract(inputs: readonly TensorSpec[], schema?: Schema): ModelContract {
  const signature =
    schema &&
    ({ inputs: schema, outputs: undefined, params: undefined, fromTypeHints: false } as const)
  return { signature, inputs, outputs: [] }
}

function columns(...specs: (readonly [string | undefined, ScalarType])[]): Schema {
  const all = specs.map(
    ([name, type]) => ({ name, type: { kind: 'scalar', type }, required: true }) as const,
  )
  return { kind: 'columns', columns: all }
}

function tensors(...specs: (readonly [string | undefined, DType, ...number[]])[]): Schema {
  const all = specs.map(([name, dtype, ...shape]) => ({ name, dtype, numpy: dtype, shape }))
  return { kind: 'tensors', tensors: all }
}

const matrix = (dtype: DType) => [input('x', dtype, -1, -1)]
const noSignature = contract(matrix('float32'))
const twoDoubles = contract(matrix('float64'), columns(['a', 'double'], ['b', 'double']))

const decode = (given: ModelContract, body: string) => createDirectDecoder(given)(Buffer.from(body))

/** What was fed, as plain lists. */
function fed(given: ModelContract, body: string): unknown {
  const invocation = decode(given, body)
  return (
    invocation &&
    Object.fromEntries(
      Object.entries(invocation.feeds).map(([name, { dtype, shape, data }]) => [
        name,
        [dtype, [...shape], Array.from(data as Iterable<unknown>)],
      ]),
    )
  )
}

describe('a list of numbers', () => {
  it('becomes the only input, with the type of the graph, where a float token tells MLflow that it is float64', () => {
    expect(fed(noSignature, '{"inputs": [[1.5, 2], [-0, -0.0]]}')).toEqual({
      x: ['float32', [2, 2], [1.5, 2, 0, -0]],
    })
    expect(fed(noSignature, '{"instances":[[1.5,2]]}')).toEqual({
      x: ['float32', [1, 2], [1.5, 2]],
    })
  })

  it('of integers alone is int64 for MLflow, which a float input refuses', () => {
    expect(fed(noSignature, '{"inputs": [[1, 2]]}')).toBeUndefined()
    expect(fed(contract(matrix('int64')), '{"inputs": [[1, -2]]}')).toEqual({
      x: ['int64', [1, 2], [1n, -2n]],
    })
    expect(fed(contract(matrix('int64')), '{"inputs": [[1, 2.0]]}')).toBeUndefined()
    expect(fed(contract(matrix('int32')), '{"inputs": [[1, 2]]}')).toBeUndefined()
  })

  it('is cast by a tensor signature', () => {
    const floats = contract(matrix('float32'), tensors([undefined, 'float32', -1, 2]))
    expect(fed(floats, '{"inputs": [[1, 2]]}')).toEqual({ x: ['float32', [1, 2], [1, 2]] })
    expect(fed(floats, '{"inputs": [[1, 2, 3]]}')).toBeUndefined()
    const bytes = contract(matrix('uint8'), tensors(['x', 'uint8', -1, -1]))
    expect(fed(bytes, '{"inputs": [[255, 0]]}')).toEqual({ x: ['uint8', [1, 2], [255, 0]] })
    expect(fed(bytes, '{"inputs": [[256, 0]]}')).toBeUndefined()
    expect(fed(bytes, '{"inputs": [[-1, 0]]}')).toBeUndefined()
    expect(fed(bytes, '{"inputs": [[1.0, 0]]}')).toBeUndefined()
  })

  it('may nest to any shape that is regular', () => {
    const image = contract([input('x', 'float32', -1, 2, 1, 2)])
    expect(fed(image, '{"inputs": [[[[1.5, 2]], [[3, 4]]]]}')).toEqual({
      x: ['float32', [1, 2, 1, 2], [1.5, 2, 3, 4]],
    })
    for (const ragged of [
      '[[1.5], [1, 2]]',
      '[[1.5], 2]',
      '[1.5, [2]]',
      '[[[1.5]], [2]]',
      '[[1.5], []]',
      '[]',
      '[[]]',
    ]) {
      expect(fed(noSignature, `{"inputs": ${ragged}}`)).toBeUndefined()
    }
  })
})

describe('arrays by name', () => {
  const two = contract(
    [input('a', 'float32', -1, 2), input('b', 'int64', -1)],
    tensors(['b', 'int64', -1], ['a', 'float32', -1, 2]),
  )

  it('become the inputs of their names', () => {
    const expected = { a: ['float32', [2, 2], [1, 2, 3, 4]], b: ['int64', [2], [5n, 6n]] }
    expect(fed(two, '{"inputs": {"a": [[1, 2], [3, 4]], "b": [5, 6]}}')).toEqual(expected)
    expect(fed(two, '{"inputs": {"b": [5, 6], "a": [[1, 2], [3, 4]]}}')).toEqual(expected)
    expect(fed(two, '{"instances": [{"a": [1, 2], "b": 5}, {"a": [3, 4], "b": 6}]}')).toEqual(
      expected,
    )
  })

  it('are left to the general path when one is missing, unknown or given twice', () => {
    expect(fed(two, '{"inputs": {"a": [[1, 2]]}}')).toBeUndefined()
    expect(fed(two, '{"inputs": {"a": [[1, 2]], "b": [5], "c": [1]}}')).toBeUndefined()
    expect(fed(two, '{"inputs": {"a": [[1, 2]], "a": [[1, 2]]}}')).toBeUndefined()
    expect(fed(two, '{"instances": [{"a": [1, 2], "b": 5}, {"a": [3, 4]}]}')).toBeUndefined()
  })

  it('fill the columns of a column signature', () => {
    expect(fed(twoDoubles, '{"inputs": {"b": [3, 4], "a": [1, 2]}}')).toEqual({
      x: ['float64', [2, 2], [1, 3, 2, 4]],
    })
    expect(fed(twoDoubles, '{"instances": [{"b": 3, "a": 1}]}')).toEqual({
      x: ['float64', [1, 2], [1, 3]],
    })
    expect(fed(twoDoubles, '{"inputs": {"b": [3, 4], "a": [1]}}')).toBeUndefined()
    expect(fed(twoDoubles, '{"inputs": [[1.5, 2]]}')).toBeUndefined()
    expect(fed(twoDoubles, '{"instances": [{"b": 1, "a": 2, "b": 3}]}')).toBeUndefined()
    expect(fed(twoDoubles, '{"instances": [{"b": 1, "b": 3}]}')).toBeUndefined()
  })
})

describe('a frame', () => {
  it('is put into the order of the signature', () => {
    const expected = { x: ['float64', [2, 2], [1, 3, 2, 4]] }
    expect(
      fed(twoDoubles, '{"dataframe_split": {"columns": ["b", "a"], "data": [[3, 1], [4, 2]]}}'),
    ).toEqual(expected)
    expect(
      fed(
        twoDoubles,
        '{"dataframe_split": {"data": [[1, 3], [2, 4]], "index": [7, 9], "columns": ["a", "b"]}}',
      ),
    ).toEqual(expected)
    expect(fed(twoDoubles, '{"dataframe_records": [{"b": 3, "a": 1}, {"b": 4, "a": 2}]}')).toEqual(
      expected,
    )
  })

  it('widens as numpy does when its columns differ', () => {
    const mixed = columns(['a', 'float'], ['b', 'long'])
    const body = '{"dataframe_split": {"columns": ["a", "b"], "data": [[0.1, 3]]}}'
    expect(fed(contract(matrix('float64'), mixed), body)).toEqual({
      x: ['float64', [1, 2], [Math.fround(0.1), 3]],
    })
    expect(fed(contract(matrix('float32'), mixed), body)).toEqual({
      x: ['float32', [1, 2], [Math.fround(0.1), 3]],
    })
    const integers = columns(['a', 'integer'], ['b', 'long'])
    expect(fed(contract(matrix('int64'), integers), body.replace('0.1', '1'))).toEqual({
      x: ['int64', [1, 2], [1n, 3n]],
    })
    expect(fed(contract(matrix('int64'), integers), body)).toBeUndefined()
    expect(
      fed(contract(matrix('int64'), integers), body.replace('0.1', '2147483648')),
    ).toBeUndefined()
  })

  it('gives each input its column where the model has several', () => {
    const inputs = [input('a', 'float32', -1), input('b', 'int64', -1)]
    const body = '{"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2.5], [3, 4]]}}'
    const expected = { a: ['float32', [2], [2.5, 4]], b: ['int64', [2], [1n, 3n]] }
    expect(fed(contract(inputs), body)).toEqual(expected)
    expect(fed(contract(inputs, columns(['a', 'double'], ['b', 'long'])), body)).toEqual(expected)
    const tensorColumns = [input('a', 'float32', -1, 1), input('b', 'int64', -1)]
    expect(
      fed(contract(tensorColumns, tensors(['a', 'float32', -1, 1], ['b', 'int64', -1])), body),
    ).toEqual({
      ...expected,
      a: ['float32', [2, 1], [2.5, 4]],
    })
  })

  it('needs no names where they say nothing', () => {
    expect(fed(noSignature, '{"dataframe_split": {"data": [[1.5, 2]]}}')).toEqual({
      x: ['float32', [1, 2], [1.5, 2]],
    })
    expect(fed(noSignature, '{"dataframe_records": [{"q": 1.5, "p": 2}]}')).toEqual({
      x: ['float32', [1, 2], [1.5, 2]],
    })
    const unnamed = contract(
      matrix('float64'),
      columns([undefined, 'double'], [undefined, 'double']),
    )
    expect(fed(unnamed, '{"dataframe_split": {"data": [[1, 2]]}}')).toEqual({
      x: ['float64', [1, 2], [1, 2]],
    })
    expect(fed(unnamed, '{"dataframe_split": {"columns": ["q", "p"], "data": [[1, 2]]}}')).toEqual({
      x: ['float64', [1, 2], [1, 2]],
    })
  })

  it.each([
    '{"dataframe_split": {"data": [[1.5, 2]]}}',
    '{"dataframe_split": {"columns": ["a", "c"], "data": [[1.5, 2]]}}',
    '{"dataframe_split": {"columns": ["a", "a"], "data": [[1.5, 2]]}}',
    '{"dataframe_split": {"columns": ["a"], "data": [[1.5]]}}',
    '{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.5, 2, 3]]}}',
    '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]], "index": [1, 2]}}',
    '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]], "index": [1.5]}}',
    '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]], "data": [[1.5, 2]]}}',
    '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, null]]}}',
    '{"dataframe_split": {"columns": ["a", "b"]}}',
    '{"dataframe_split": {"columns": ["a", "\\u0062"], "data": [[1.5, 2]]}}',
    '{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]]}, "params": {}}',
    '{"dataframe_records": [{"a": 1, "b": 2}, {"b": 1, "a": 2}]}',
    '{"dataframe_records": [{"a": 1, "b": 2}, {"a": 1}]}',
    '{"dataframe_records": [{"a": [1], "b": [2]}]}',
    '{"dataframe_records": []}',
  ])('is left to the general path: %s', (body) => {
    expect(fed(twoDoubles, body)).toBeUndefined()
  })
})

describe('whatever is unusual', () => {
  it.each([
    '',
    '{',
    '{}',
    '[]',
    '1',
    '{"inputs": 1.5}',
    '{"inputs": [1.5]',
    '{"inputs": [1.5]}}',
    '{"inputs": [[1.5,]]}',
    '{"inputs": [[1.5]], "prompt": 1}',
    '{"input": [[1.5]]}',
    '{"inputs": [[1.5]]} x',
    '{"inputs": [[01.5]]}',
    '{"inputs": [[1.]]}',
    '{"inputs": [[.5]]}',
    '{"inputs": [[+1.5]]}',
    '{"inputs": [[1e5x]]}',
    '{"inputs": [[1e]]}',
    '{"inputs": [[--1.5]]}',
    '{"inputs": [[1.5e400]]}',
    '{"inputs": [[1.5, 9007199254740993]]}',
    '{"inputs": [[NaN]]}',
    '{"inputs": [[true, 1.5]]}',
    '{"inputs": [["1.5"]]}',
    '{"inputs": [[1.5\u00a0]]}',
    '\ufeff{"inputs": [[1.5]]}',
  ])('is left to the general path: %s', (body) => {
    expect(fed(noSignature, body)).toBeUndefined()
  })

  it('is all that a model with such an input gets', () => {
    expect(fed(contract(matrix('string')), '{"inputs": [[1.5]]}')).toBeUndefined()
    expect(fed(contract(matrix('bool')), '{"inputs": [[1]]}')).toBeUndefined()
    expect(
      fed(
        contract(matrix('float32'), columns(['a', 'string'])),
        '{"dataframe_records": [{"a": 1.5}]}',
      ),
    ).toBeUndefined()
  })

  it('may follow in the same decoder without a trace', () => {
    const decoder = createDirectDecoder(noSignature)
    const bodies = [
      '{"inputs": [[1.5, 2], [3, 4]]}',
      '{"inputs": [[1.5, null]]}',
      '{"inputs": [[1, 2]]}',
      '{"inputs": [[5.5]]}',
    ]
    const data = bodies.map((body) => decoder(Buffer.from(body))?.feeds.x?.data)
    expect(data).toEqual([
      Float32Array.of(1.5, 2, 3, 4),
      undefined,
      undefined,
      Float32Array.of(5.5),
    ])
  })
})

describe('the array of a feed', () => {
  it('has a buffer of its own, exactly as long', () => {
    for (const count of [1, 4, 100, 5000]) {
      const numbers = Array.from({ length: count }, (_, i) => i + 0.5)
      const data = decode(noSignature, `{"inputs": [[${numbers}]]}`)?.feeds.x?.data as Float32Array
      expect([data.byteOffset, data.buffer.byteLength]).toEqual([0, 4 * count])
      expect(data).toEqual(Float32Array.from(numbers))
    }
  })
})

const tokens = {
  int: fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.maxSafeInteger()).map(String),
  smallInt: fc.integer({ min: -100, max: 100 }).map(String),
  float: fc.oneof(
    fc
      .float({ noNaN: true, min: -(2 ** 120), max: 2 ** 120 })
      .map((value) => value.toExponential()),
    fc
      .float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
      .map((value) => withPoint(String(value))),
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => withPoint(String(value))),
    fc
      .double({ noNaN: true, min: -1e30, max: 1e30 })
      .map((value) => withPoint(value.toPrecision(17))),
    fc
      .tuple(fc.integer({ min: -99999, max: 99999 }), fc.stringMatching(/^[0-9]{1,40}$/))
      .map(([whole, part]) => `${whole}.${part}`),
  ),
}

/** A number's text as a float token. */
function withPoint(text: string): string {
  return /[.e]/.test(text) ? text : `${text}.0`
}

const space = fc.constantFrom('', ' ', '\n', ' \t\r\n ')

interface Sample {
  readonly given: ModelContract
  readonly body: string
}

/** Rows of tokens, all of one width, the column's kind of token in each; at least one of the floats is a float token. */
function table(kinds: readonly ('int' | 'smallInt' | 'float')[]): fc.Arbitrary<string[][]> {
  const cell = (kind: 'int' | 'smallInt' | 'float') =>
    kind === 'float' ? fc.oneof(tokens.float, tokens.smallInt) : tokens[kind]
  const first = fc.tuple(...kinds.map((kind) => tokens[kind]))
  return fc
    .tuple(first, fc.array(fc.tuple(...kinds.map(cell)), { maxLength: 6 }))
    .map(([row, rows]) => [row, ...rows])
}

const columnKinds = { integer: 'smallInt', long: 'int', float: 'float', double: 'float' } as const
const columnType = fc.constantFrom('integer', 'long', 'float', 'double') as fc.Arbitrary<
  keyof typeof columnKinds
>

function commonType(types: readonly ScalarType[]): DType[] {
  const distinct = new Set(types)
  if (distinct.size === 1 && distinct.has('integer')) return ['int32']
  if (!distinct.has('float') && !distinct.has('double')) return ['int64']
  return distinct.size === 1 && distinct.has('float') ? ['float32'] : ['float32', 'float64']
}

const list = (items: readonly string[], gap: string) =>
  `[${gap}${items.join(`${gap},${gap}`)}${gap}]`

function frameBodies(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  gap: string,
): string[] {
  const data = list(
    rows.map((row) => list(row, gap)),
    gap,
  )
  const objects = list(
    rows.map(
      (row) => `{${row.map((cell, i) => `"${names[i]}":${gap}${cell}`).join(`${gap},`)}${gap}}`,
    ),
    gap,
  )
  const arrays = names.map(
    (name, i) =>
      `"${name}"${gap}:${list(
        rows.map((row) => row[i] ?? ''),
        gap,
      )}`,
  )
  const quoted = names.map((name) => `"${name}"`)
  return [
    `{"dataframe_split":${gap}{"columns":${list(quoted, gap)},${gap}"data": ${data}}}`,
    `{"dataframe_split": {"data"${gap}: ${data}, "columns": ${list(quoted, gap)}}}`,
    `${gap}{"dataframe_records": ${objects}${gap}}${gap}`,
    `{"instances": ${objects}}`,
    `{"inputs": {${arrays.join(', ')}}}`,
  ]
}

const columnSamples: fc.Arbitrary<Sample> = fc
  .tuple(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'a b', 'x.y'), { minLength: 1 }), space)
  .chain(([names, gap]) =>
    fc.array(columnType, { minLength: names.length, maxLength: names.length }).chain((types) => {
      const kinds = types.map((type) => columnKinds[type])
      return fc
        .tuple(
          table(kinds),
          fc.nat(),
          fc.constantFrom(...commonType(types)),
          fc.shuffledSubarray([...names.keys()], { minLength: names.length }),
        )
        .map(([rows, choice, dtype, order]): Sample => {
          const schema = columns(...names.map((name, i) => [name, types[i] as ScalarType] as const))
          const shuffled = rows.map((row) => order.map((i) => row[i] ?? ''))
          const bodies = frameBodies(
            order.map((i) => names[i] ?? ''),
            shuffled,
            gap,
          )
          return {
            given: contract(matrix(dtype), schema),
            body: bodies[choice % bodies.length] ?? '',
          }
        })
    }),
  )

const tensorTypes = {
  float32: 'float',
  float64: 'float',
  int64: 'int',
  int32: 'smallInt',
  int16: 'smallInt',
  int8: 'smallInt',
  uint8: 'uint8',
} as const

const tensorSamples: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
    fc.constantFrom(...(Object.keys(tensorTypes) as (keyof typeof tensorTypes)[])),
    space,
    fc.boolean(),
    fc.constantFrom('inputs', 'instances'),
    fc.boolean(),
  )
  .chain(([shape, dtype, gap, isNamed, form, isSigned]) => {
    const kind = tensorTypes[dtype]
    const token = kind === 'uint8' ? fc.nat(255).map(String) : tokens[kind]
    const count = shape.reduce((product, size) => product * size, 1)
    return fc.array(token, { minLength: count, maxLength: count }).map((values): Sample => {
      let level = values
      for (const size of shape.slice(1).reverse()) {
        level = Array.from({ length: level.length / size }, (_, i) =>
          list(level.slice(i * size, (i + 1) * size), gap),
        )
      }
      const graphType = isSigned || kind === 'float' || dtype === 'int64' ? dtype : 'int64'
      const free = shape.map(() => -1)
      const schema = isSigned ? tensors([isNamed ? 'x' : undefined, dtype, ...free]) : undefined
      const given = contract(
        [input('x', dtype === 'float64' && isNamed ? 'float32' : graphType, ...free)],
        schema,
      )
      return { given, body: `{"${form}"${gap}: ${list(level, gap)}${gap}}` }
    })
  })

const samples = fc.oneof(columnSamples, tensorSamples)

function expectSame(invocation: Invocation, { given, body }: Sample): void {
  const expected = plainReference(given, body)
  expect(invocation.answer).toEqual(expected.answer)
  // toEqual tells -0 from 0 and compares typed arrays element by element
  expect(invocation.feeds).toEqual(expected.feeds)
}

describe('any plain body', () => {
  it('is read, and to the same bits as by way of values', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const invocation = decode(sample.given, sample.body)
        expect(invocation).toBeDefined()
        expectSame(invocation as Invocation, sample)
      }),
      { numRuns: 500 },
    )
  })

  it('has the feeds and the form of answer that the general path gives it, for either wrapper', () => {
    const options = {
      strictJson: false,
      hideSchemaDetails: false,
      maxDepth: 100,
      maxColumns: 1000,
      maxMemoryBytes: 1e9,
    }
    const wrapper = fc.constantFrom('onnx' as const, 'keras' as const)
    fc.assert(
      fc.property(samples, wrapper, ({ given, body }, kind) => {
        const wrapped = { ...given, wrapper: kind }
        const direct = decode(wrapped, body)
        if (direct !== undefined) {
          expect(direct).toEqual(decodeJson(Buffer.from(body), wrapped, options))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('that was damaged is either refused, or still means what the exact reader says', () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.constantFrom(
        '',
        '"',
        '[',
        ']',
        '{',
        '}',
        ',',
        ':',
        '0',
        '9',
        '.',
        '-',
        'e',
        ' ',
        '\\',
        'é',
        '\0',
      ),
    )
    fc.assert(
      fc.property(samples, damage, ({ given, body }, [where, insert]) => {
        const at = where % body.length
        const damaged = body.slice(0, at) + insert + body.slice(at + 1)
        const invocation = decode(given, damaged)
        if (invocation === undefined) return
        expect(() => plainReference(given, damaged)).not.toThrow(JsonSyntaxError)
        expectSame(invocation, { given, body: damaged })
      }),
      { numRuns: 2000 },
    )
  })
})
