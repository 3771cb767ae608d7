import { describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import { parseSignature } from '../../src/model/parse-signature.ts'

const inputs = (entries: unknown) => parseSignature({ inputs: JSON.stringify(entries) }).inputs

function codeOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof ServingError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'nothing was thrown'
}

describe('parseSignature', () => {
  it('reads columns with their types and whether they are required', () => {
    const schema = inputs([
      { type: 'double', name: 'a', required: true },
      { type: 'string', name: 'b', required: false },
      { type: 'long', name: 'c' },
    ])
    expect(schema).toEqual({
      kind: 'columns',
      columns: [
        { name: 'a', type: { kind: 'scalar', type: 'double' }, required: true },
        { name: 'b', type: { kind: 'scalar', type: 'string' }, required: false },
        { name: 'c', type: { kind: 'scalar', type: 'long' }, required: true },
      ],
    })
  })

  it('reads nested types, their properties sorted by name', () => {
    const person = {
      type: 'object',
      properties: { name: { type: 'string' }, age: { type: 'long', required: false } },
    }
    const schema = inputs([
      { type: 'array', items: person, name: 'people', required: true },
      { type: 'map', values: { type: 'any' }, name: 'more' },
    ])
    const properties = [
      { name: 'age', type: { kind: 'scalar', type: 'long' }, required: false },
      { name: 'name', type: { kind: 'scalar', type: 'string' }, required: true },
    ]
    expect(schema).toEqual({
      kind: 'columns',
      columns: [
        {
          name: 'people',
          type: { kind: 'array', items: { kind: 'object', properties } },
          required: true,
        },
        { name: 'more', type: { kind: 'map', values: { kind: 'any' } }, required: false },
      ],
    })
  })

  it('reads tensors, and keeps numpy types that ONNX has not', () => {
    const tensor = (dtype: string, name?: string) => ({
      type: 'tensor',
      'tensor-spec': { dtype, shape: [-1, 4] },
      ...(name && { name }),
    })
    expect(inputs([tensor('float32')])).toEqual({
      kind: 'tensors',
      tensors: [{ name: undefined, dtype: 'float32', numpy: 'float32', shape: [-1, 4] }],
    })
    const named = inputs([tensor('str', 'x'), tensor('datetime64[ns]', 'y')])
    expect(
      named?.kind === 'tensors' && named.tensors.map(({ dtype, numpy }) => [dtype, numpy]),
    ).toEqual([
      ['string', 'str'],
      [undefined, 'datetime64[ns]'],
    ])
  })

  it('reads params, their older spelling, and defaults that only Python takes for JSON', () => {
    const params =
      '[{"name": "t", "dtype": "double", "default": NaN, "shape": null}, {"name": "s", "type": "string", "default": "NaN \\" Infinity"}, {"name": "l", "type": "double", "default": [-Infinity, 1.5], "shape": [-1]}]'
    expect(parseSignature({ params }).params).toEqual([
      { name: 't', type: { kind: 'scalar', type: 'double' }, default: Number.NaN, shape: null },
      {
        name: 's',
        type: { kind: 'scalar', type: 'string' },
        default: 'NaN " Infinity',
        shape: null,
      },
      {
        name: 'l',
        type: { kind: 'scalar', type: 'double' },
        default: [Number.NEGATIVE_INFINITY, 1.5],
        shape: [-1],
      },
    ])
  })

  it('leaves out what the file leaves out', () => {
    expect(parseSignature({ inputs: null, outputs: '' })).toEqual({
      inputs: undefined,
      outputs: undefined,
      params: undefined,
      fromTypeHints: false,
    })
  })

  it.each([
    [
      'a mixture of columns and tensors',
      [{ type: 'double' }, { type: 'tensor' }],
      'all columns or all tensors',
    ],
    [
      'a mixture of named and unnamed',
      [{ type: 'double', name: 'a' }, { type: 'double' }],
      'all named or all unnamed',
    ],
    [
      'two tensors without names',
      [1, 2].map(() => ({ type: 'tensor', 'tensor-spec': { dtype: 'int64', shape: [] } })),
      'to have names',
    ],
    [
      'an unknown type',
      [{ type: 'decimal', name: 'a' }],
      'signature.inputs[0] to have one of the types',
    ],
    ['an unnamed optional column', [{ type: 'double', required: false }], 'to be required'],
    ['no entries', [], 'at least one entry'],
    [
      'a tensor without a shape',
      [{ type: 'tensor', 'tensor-spec': { dtype: 'int64' } }],
      'a shape of sizes',
    ],
    ['an array of nothing', [{ type: 'array', name: 'a' }], 'signature.inputs[0].items'],
  ])('refuses %s and names it', (_, entries, words) => {
    const refusal = codeOf(() => inputs(entries))
    expect(refusal).toContain('MODEL_INVALID: ')
    expect(refusal).toContain(words)
  })

  it('refuses text that is no JSON', () => {
    expect(codeOf(() => parseSignature({ outputs: '[{' }))).toMatch(
      /^MODEL_INVALID: signature.outputs is not valid JSON/,
    )
  })
})
