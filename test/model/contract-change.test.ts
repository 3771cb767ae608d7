import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareContracts } from '../../src/model/contract-change.ts'
import type { ServedContract } from '../../src/model/contract-difference.ts'
import type {
  ColumnSpec,
  ParamSpec,
  ScalarType,
  Schema,
  Signature,
} from '../../src/model/signature.ts'
import { DTYPES, type DType, type TensorSpec } from '../../src/model/tensor.ts'

const tensor = (name: string, dtype: DType, ...shape: number[]): TensorSpec => ({
  name,
  dtype,
  shape,
})
const column = (name: string, type: ScalarType, required = true): ColumnSpec => ({
  name,
  type: { kind: 'scalar', type },
  required,
})
const columns = (...list: ColumnSpec[]): Schema => ({ kind: 'columns', columns: list })
const tensors = (...list: TensorSpec[]): Schema => ({
  kind: 'tensors',
  tensors: list.map((spec) => ({ ...spec, numpy: spec.dtype })),
})
const signed = (inputs: Schema, more: Partial<Signature> = {}): Signature => ({
  inputs,
  outputs: undefined,
  params: undefined,
  fromTypeHints: false,
  ...more,
})
const served = (given: Partial<ServedContract>): ServedContract => ({
  signature: undefined,
  inputs: [tensor('x', 'float32', -1, 4)],
  outputs: [tensor('y', 'float32', -1, 2)],
  ...given,
})

/** The change and what is said of it, from one contract to another. */
function change(before: Partial<ServedContract>, after: Partial<ServedContract>) {
  const { change: verdict, differences } = compareContracts(served(before), served(after))
  return [verdict, differences.map(({ text }) => text)]
}

describe('input columns', () => {
  const of = (...list: ColumnSpec[]) => ({ signature: signed(columns(...list)) })
  const age = column('age', 'long')

  it.each([
    [
      'a new required one',
      [age],
      [age, column('income', 'double')],
      'breaking',
      'input column "income" is new and required',
    ],
    [
      'a new optional one',
      [age],
      [age, column('income', 'double', false)],
      'compatible',
      'input column "income" is new and optional',
    ],
    [
      'one that is gone',
      [age, column('b', 'long')],
      [age],
      'compatible',
      'input column "b" is gone; it is ignored where it is sent',
    ],
    [
      'one made optional',
      [age],
      [column('age', 'long', false)],
      'compatible',
      'input column "age" is optional now',
    ],
    [
      'one made required',
      [column('age', 'long', false)],
      [age],
      'breaking',
      'input column "age" is required now',
    ],
    [
      'a wider type',
      [column('age', 'integer')],
      [age],
      'compatible',
      'input column "age" changed from integer to long',
    ],
    [
      'a narrower type',
      [age],
      [column('age', 'integer')],
      'breaking',
      'input column "age" changed from long to integer',
    ],
    [
      'another type',
      [age],
      [column('age', 'string')],
      'breaking',
      'input column "age" changed from long to string',
    ],
    [
      'long to double, where MLflow converts nothing',
      [age],
      [column('age', 'double')],
      'breaking',
      'input column "age" changed from long to double',
    ],
  ] as const)('%s', (_, before, after, verdict, text) => {
    expect(change(of(...before), of(...after))).toEqual([verdict, [text]])
  })

  it('by name, so that another order is no break', () => {
    const b = column('b', 'double')
    expect(change(of(age, b), of(b, age))[0]).toBe('compatible')
  })

  it('a rename is a required column that is new', () => {
    expect(change(of(age), of(column('years', 'long')))).toEqual([
      'breaking',
      [
        'input column "years" is new and required',
        'input column "age" is gone; it is ignored where it is sent',
      ],
    ])
  })

  it('without names count by their place', () => {
    const unnamed = (type: ScalarType): ColumnSpec => ({ ...column('', type), name: undefined })
    expect(change(of(unnamed('long'), unnamed('long')), of(unnamed('long')))[0]).toBe('breaking')
    expect(change(of(unnamed('long')), of(unnamed('string')))).toEqual([
      'breaking',
      ['input column 1 changed from long to string'],
    ])
    expect(change(of(unnamed('long')), of(age))).toEqual([
      'breaking',
      ['the input columns have names now'],
    ])
  })

  it('of objects take new properties that are optional, and lose none, since MLflow refuses others', () => {
    const object = (...names: string[]): ColumnSpec => ({
      name: 'o',
      required: true,
      type: {
        kind: 'object',
        properties: names.map((name) => ({
          name: name.replace('?', ''),
          type: { kind: 'scalar', type: 'long' },
          required: !name.endsWith('?'),
        })),
      },
    })
    expect(change(of(object('a')), of(object('a', 'b?')))[0]).toBe('compatible')
    expect(change(of(object('a')), of(object('a', 'b')))[0]).toBe('breaking')
    expect(change(of(object('a', 'b')), of(object('a')))[0]).toBe('breaking')
    expect(change(of(object('a?')), of(object('a')))).toEqual([
      'breaking',
      ['input column "o" changed from {a?: long} to {a: long}'],
    ])
  })
})

describe('input tensors', () => {
  const of = (...list: TensorSpec[]) => ({ signature: signed(tensors(...list)) })
  const x = tensor('x', 'float32', -1, 4)

  it.each([
    ['a size that becomes free', [tensor('x', 'float32', 8, 4)], [x], 'compatible'],
    ['a free size that becomes fixed', [x], [tensor('x', 'float32', 8, 4)], 'breaking'],
    ['another size', [x], [tensor('x', 'float32', -1, 5)], 'breaking'],
    ['another rank', [x], [tensor('x', 'float32', -1)], 'breaking'],
    ['a wider type', [x], [tensor('x', 'float64', -1, 4)], 'compatible'],
    ['a narrower type', [x], [tensor('x', 'float16', -1, 4)], 'breaking'],
    ['another type', [x], [tensor('x', 'int64', -1, 4)], 'breaking'],
    ['a new one', [x], [x, tensor('z', 'float32', -1)], 'breaking'],
    ['one that is gone', [x, tensor('z', 'float32', -1)], [x], 'compatible'],
  ] as const)('%s', (_, before, after, verdict) => {
    expect(change(of(...before), of(...after))[0]).toBe(verdict)
  })

  it('are told with type and shape', () => {
    expect(change(of(x), of(tensor('x', 'float32', -1, 5)))[1]).toContain(
      'input "x" changed from float32 [-1,4] to float32 [-1,5]',
    )
  })

  it('without a name may get one, since a bare array goes to the only name', () => {
    const bare: Schema = {
      kind: 'tensors',
      tensors: [{ ...x, name: undefined, numpy: 'float32' }],
    }
    expect(change({ signature: signed(bare) }, of(x))).toEqual([
      'compatible',
      ['the input is named "x" now'],
    ])
    expect(change(of(x), { signature: signed(bare) })[0]).toBe('breaking')
  })

  it('become no columns', () => {
    expect(change(of(x), { signature: signed(columns(column('x', 'float'))) })).toEqual([
      'breaking',
      ['the inputs were tensors and are columns now'],
    ])
  })
})

describe('without a signature', () => {
  it("the graph's own inputs count, and none may go, since an unknown name is refused", () => {
    const two = { inputs: [tensor('x', 'float32', -1, 4), tensor('z', 'int64', -1)] }
    expect(change(two, {})).toEqual(['breaking', ['input "z" is gone']])
    expect(change({}, two)).toEqual(['breaking', ['input "z" is new and required']])
  })

  it('a signature that comes or goes changes how values are read', () => {
    const signature = signed(columns(column('x', 'float')))
    expect(change({}, { signature })[0]).toBe('breaking')
    expect(change({ signature }, {})[0]).toBe('breaking')
  })

  it('one from type hints is as good as none, since it is not enforced', () => {
    const hinted = {
      signature: signed(columns(column('x', 'any' as never)), { fromTypeHints: true }),
    }
    expect(change(hinted, {})).toEqual(['identical', []])
  })
})

describe('behind a signature', () => {
  const signature = signed(columns(column('a', 'double'), column('b', 'double', false)))

  it('the graph may be fed another way', () => {
    const wider = { signature, inputs: [tensor('x', 'float32', -1, 5)] }
    expect(change({ signature }, wider)[0]).toBe('compatible')
  })

  it('but must take as many rows as it took', () => {
    const fixed = { signature, inputs: [tensor('x', 'float32', 8, 4)] }
    expect(change({ signature }, fixed)).toMatchObject([
      'breaking',
      ['the model takes exactly 8 rows at once now, and took any number', expect.anything()],
    ])
    expect(change(fixed, { signature })[0]).toBe('compatible')
  })
})

describe('outputs', () => {
  const of = (...outputs: TensorSpec[]) => ({ outputs })
  const y = tensor('y', 'float32', -1, 3)

  it.each([
    [
      'a new one',
      [y],
      [y, tensor('label', 'int64', -1)],
      'compatible',
      'output "label" is new, int64 [-1]',
    ],
    [
      'one that is gone',
      [y, tensor('label', 'int64', -1)],
      [y],
      'breaking',
      'output "label" is gone',
    ],
    [
      'another size',
      [y],
      [tensor('y', 'float32', -1, 4)],
      'breaking',
      'output "y" changed from float32 [-1,3] to float32 [-1,4]',
    ],
    [
      'another rank',
      [y],
      [tensor('y', 'float32', -1)],
      'breaking',
      'output "y" changed from float32 [-1,3] to float32 [-1]',
    ],
    [
      'a size that becomes free',
      [y],
      [tensor('y', 'float32', -1, -1)],
      'compatible',
      'output "y" changed from float32 [-1,3] to float32 [-1,-1]',
    ],
    [
      'more digits',
      [y],
      [tensor('y', 'float64', -1, 3)],
      'compatible',
      'output "y" changed from float32 [-1,3] to float64 [-1,3]',
    ],
    [
      'fewer digits',
      [tensor('y', 'float64', -1)],
      [tensor('y', 'float32', -1)],
      'breaking',
      'output "y" changed from float64 [-1] to float32 [-1]',
    ],
    [
      'integers, which JSON writes alike',
      [tensor('y', 'int64', -1)],
      [tensor('y', 'int32', -1)],
      'compatible',
      'output "y" changed from int64 [-1] to int32 [-1]',
    ],
    [
      'integers that become floats',
      [tensor('y', 'int64', -1)],
      [tensor('y', 'float64', -1)],
      'breaking',
      'output "y" changed from int64 [-1] to float64 [-1]',
    ],
  ] as const)('%s', (_, before, after, verdict, text) => {
    expect(change(of(...before), of(...after))).toEqual([verdict, [text]])
  })

  it('in another order keep their names', () => {
    const label = tensor('label', 'int64', -1)
    expect(change(of(y, label), of(label, y))[0]).toBe('compatible')
  })

  it('are what the signature declares, where the graph leaves sizes free', () => {
    const free = tensor('y', 'float32', -1, -1)
    const declares = (size: number) => ({
      signature: signed(columns(column('a', 'double')), {
        outputs: tensors(tensor('y', 'float32', -1, size)),
      }),
      outputs: [free],
    })
    expect(change(declares(3), declares(4))).toEqual([
      'breaking',
      ['output "y", as the signature declares it, changed from float32 [-1,3] to float32 [-1,4]'],
    ])
  })

  it('of a Keras model have no name while there is one', () => {
    const keras = (...outputs: TensorSpec[]) => ({ wrapper: 'keras' as const, outputs })
    expect(change(keras(y), keras({ ...y, name: 'dense_7' }))).toEqual(['identical', []])
    expect(change(keras(y), keras(y, tensor('z', 'float32', -1)))).toEqual([
      'breaking',
      ['answers are outputs by name now, and were one array without a name'],
    ])
    expect(change(of(y), keras(y))[0]).toBe('breaking')
  })
})

describe('params', () => {
  const of = (...params: ParamSpec[]) => ({
    signature: signed(columns(column('a', 'double')), { params }),
  })
  const param = (name: string, type: ScalarType, given: unknown = 1, list = false): ParamSpec => ({
    name,
    type: { kind: 'scalar', type },
    default: given,
    shape: list ? [-1] : null,
  })

  it.each([
    ['a new one, which has a default', [], [param('k', 'long')], 'compatible'],
    ['one that is gone, which MLflow ignores', [param('k', 'long')], [], 'compatible'],
    [
      'an integer that becomes a double',
      [param('k', 'long')],
      [param('k', 'double')],
      'compatible',
    ],
    ['a double that becomes an integer', [param('k', 'double')], [param('k', 'long')], 'breaking'],
    ['one that becomes a list', [param('k', 'long')], [param('k', 'long', 1, true)], 'breaking'],
    ['another default', [param('k', 'long', 1)], [param('k', 'long', 2)], 'compatible'],
  ] as const)('%s', (_, before, after, verdict) => {
    const [got, texts] = change(of(...before), of(...after))
    expect(got).toBe(verdict)
    expect(texts).toHaveLength(1)
  })
})

const dtypes = Object.keys(DTYPES) as DType[]
const shape = fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 })
const tensorList = fc.uniqueArray(
  fc.record({ name: fc.string(), dtype: fc.constantFrom(...dtypes), shape }),
  { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
)
const scalars: ScalarType[] = ['boolean', 'integer', 'long', 'float', 'double', 'string']
const columnList = fc.uniqueArray(
  fc.record({
    name: fc.string(),
    type: fc.constantFrom(...scalars).map((type) => ({ kind: 'scalar' as const, type })),
    required: fc.boolean(),
  }),
  { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
)
const contracts: fc.Arbitrary<ServedContract> = fc.record({
  signature: fc.option(
    columnList.map((list) => signed(columns(...list))),
    { nil: undefined },
  ),
  inputs: tensorList,
  outputs: tensorList,
  wrapper: fc.constantFrom('onnx' as const, 'keras' as const),
})

/** With another list of columns, where the signature has one. */
function withColumns(contract: ServedContract, list: readonly ColumnSpec[]): ServedContract {
  return { ...contract, signature: signed({ kind: 'columns', columns: list }) }
}

describe('any contract', () => {
  it('is identical to itself', () => {
    fc.assert(
      fc.property(contracts, (contract) => {
        expect(compareContracts(contract, structuredClone(contract))).toEqual({
          change: 'identical',
          differences: [],
        })
      }),
    )
  })

  it('takes an optional column more, and breaks with a required one', () => {
    fc.assert(
      fc.property(contracts, columnList, fc.boolean(), (contract, list, required) => {
        const before = withColumns(contract, list)
        const added = { ...column('\0new', 'double'), required }
        const { change: verdict } = compareContracts(
          before,
          withColumns(contract, [...list, added]),
        )
        expect(verdict).toBe(required ? 'breaking' : 'compatible')
      }),
    )
  })

  it('takes columns that become optional', () => {
    fc.assert(
      fc.property(contracts, columnList, (contract, list) => {
        const lenient = list.map((spec) => ({ ...spec, required: false }))
        const { change: verdict } = compareContracts(
          withColumns(contract, list),
          withColumns(contract, lenient),
        )
        expect(verdict).toBe(list.some(({ required }) => required) ? 'compatible' : 'identical')
      }),
    )
  })

  it('may answer more by name, and not less', () => {
    fc.assert(
      fc.property(contracts, (contract) => {
        const before: ServedContract = { ...contract, wrapper: 'onnx' }
        const more = { ...before, outputs: [...before.outputs, tensor('\0new', 'int64', -1)] }
        expect(compareContracts(before, more).change).toBe('compatible')
        expect(compareContracts(more, before).change).toBe('breaking')
      }),
    )
  })

  it('has differences exactly where it is not identical, what breaks first', () => {
    fc.assert(
      fc.property(contracts, contracts, (before, after) => {
        const { change: verdict, differences } = compareContracts(before, after)
        expect(differences.length === 0).toBe(verdict === 'identical')
        expect(differences.some((each) => each.change === 'breaking')).toBe(verdict === 'breaking')
        if (verdict === 'breaking') expect(differences[0]?.change).toBe('breaking')
      }),
    )
  })
})
