import { describe, expect, it } from 'vitest'
import { createScoringCodec } from '../../../src/codec/mlflow/scoring.ts'
import { buildFrame } from '../../../src/codec/pandas/frame-build.ts'
import { ServingError } from '../../../src/errors.ts'
import { parseSignature } from '../../../src/model/parse-signature.ts'

const OPTIONS = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 500,
  maxColumns: 1000,
  maxMemoryBytes: 1e9,
}

/** The values of the feeds that a body makes for one input of text, or what refuses it. */
async function read(inputs: unknown, body: string): Promise<unknown> {
  const signature = parseSignature({ inputs: JSON.stringify(inputs) })
  const graph = [{ name: 'x', dtype: 'string', shape: [-1, -1] }] as const
  const codec = createScoringCodec({ signature, inputs: graph, outputs: graph }, OPTIONS)
  try {
    const { feeds } = await codec.decode('application/json', Buffer.from(body))
    return [...(feeds.x?.data ?? [])]
  } catch (error) {
    if (error instanceof ServingError) return error.message.replace(/^.* Error: /s, '')
    throw error
  }
}

const array = (items: unknown) => [{ type: 'array', items, required: true }]

describe('objects in a list of `inputs`, whose values are arrays', () => {
  it.each([
    ['0', 'iteration over a 0-d array'],
    ['null', 'iteration over a 0-d array'],
    ['"s"', 'iteration over a 0-d array'],
    ['[1.0]', 'Expected data to be list or numpy array, got float64'],
  ])('have rows to be checked one by one, or are refused: %s', async (value, reason) => {
    const nested = array({ type: 'array', items: { type: 'float' } })
    expect(await read(nested, `{"inputs": [{"x": ${value}}]}`)).toBe(reason)
  })

  it('have a length, or are refused', async () => {
    const flat = array({ type: 'float' })
    expect(await read(flat, '{"inputs": [{"x": 0}]}')).toBe('len() of unsized object')
  })
})

describe('a column of an empty list', () => {
  it.each(['index', 'columns'])('stays one of floats, which are no bytes (%s)', async (key) => {
    const labels = key === 'index' ? '[]' : '["0"]'
    const body = `{"dataframe_split": {"${key}": ${labels}, "data": {"0": []}}}`
    const reason = 'Incompatible input types for column 0. Can not safely convert float64 to |S0.'
    expect(await read([{ type: 'binary' }], body)).toBe(reason)
    expect(await read([{ type: 'binary', name: '0' }], body)).toBe(reason)
  })

  it('stays one of objects where only its name was given', async () => {
    const body = '{"dataframe_split": {"columns": ["0"], "data": []}}'
    expect(await read([{ type: 'binary' }], body)).toEqual([])
  })
})

describe('a column of an object by index entry', () => {
  it.each([
    ['{"a": null}', 'object'],
    ['{"a": null, "b": null}', 'object'],
    ['{"a": null, "b": 1}', 'float64'],
    ['{"a": "x", "b": null}', 'str'],
    ['{}', 'float64'],
  ])('keeps null where it was given: %s is of %s', (value, dtype) => {
    const column = new Map(Object.entries(JSON.parse(value)))
    const { columns } = buildFrame(new Map([['c', column as ReadonlyMap<string, string | null>]]))
    expect(columns.map((it) => it.dtype.name)).toEqual([dtype])
  })

  it('is NaN where another object alone has the entry', () => {
    const frame = buildFrame(
      new Map([
        ['c', new Map([['a', null]])],
        ['d', new Map([['b', null]])],
      ]),
    )
    expect(frame.columns.map((it) => it.dtype.name)).toEqual(['float64', 'float64'])
  })

  it('may be bytes where all it holds is null', async () => {
    const binary = [{ type: 'binary', name: 'messages' }]
    expect(await read(binary, '{"messages": {"a": null}}')).toEqual(['None'])
  })
})

describe('a lone surrogate', () => {
  const REFUSAL =
    "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"

  it('is not looked at in a value that no row repeats', async () => {
    const columns = [
      { type: 'integer', name: 'c' },
      { type: 'map', values: { type: 'any' }, name: 'd' },
    ]
    const body = '{"c": 0, "d": {}, "prompt": "\\ud800"}'
    expect(await read(columns, body)).toBe(
      'Incompatible input types for column c. Can not safely convert int64 to int32.',
    )
  })

  it.each([
    ['[]', '["c"]', []],
    ['[0]', '[]', []],
  ])('is not looked at where no cell holds it: index %s, columns %s', (index, columns) => {
    expect(buildFrame('\ud800', JSON.parse(columns), JSON.parse(index)).columns).toHaveLength(
      JSON.parse(columns).length,
    )
  })

  it.each(['[["\\ud800"]]', '[{"c": "\\ud800"}]'])(
    'in rows is met before a bad index: %s',
    async (data) => {
      const body = `{"dataframe_split": {"index": "3", "data": ${data}}}`
      expect(await read([{ type: 'string' }], body)).toContain(REFUSAL)
    },
  )

  it.each(['["\\ud800"]', '{"c": ["\\ud800"]}'])(
    'in a column is met after a bad index: %s',
    async (data) => {
      const body = `{"dataframe_split": {"index": "3", "data": ${data}}}`
      expect(await read([{ type: 'string' }], body)).toContain('Index(...) must be called with')
    },
  )
})
