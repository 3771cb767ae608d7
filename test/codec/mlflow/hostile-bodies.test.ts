import { describe, expect, it } from 'vitest'
import { errorAnswer } from '../../../src/codec/mlflow/error-body.ts'
import type { ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import { createScoringCodec } from '../../../src/codec/mlflow/scoring.ts'
import { ServingError } from '../../../src/errors.ts'
import { parseSignature } from '../../../src/model/parse-signature.ts'

const text: ModelContract = {
  signature: undefined,
  inputs: [{ name: 'x', dtype: 'string', shape: [-1, -1] }],
  outputs: [],
}
const named: ModelContract = {
  ...text,
  signature: parseSignature({ inputs: '[{"type": "long", "name": "a"}]' }),
}

function refusal(contract: ModelContract, body: string, maxDepth = 990): ServingError {
  const codec = createScoringCodec(contract, {
    strictJson: false,
    hideSchemaDetails: false,
    maxDepth,
    maxColumns: 10_000,
    maxMemoryBytes: 10_000_000,
  })
  try {
    codec.decode('application/json', Buffer.from(body))
  } catch (error) {
    if (error instanceof ServingError) return error
    throw error
  }
  throw new Error('The body was taken')
}

const keys = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}": 1`)}}`
const ones = (count: number): string => new Array(count).fill('1').join()

describe('a body that asks for more than it brings', () => {
  it.each([
    [
      'one long row among short ones',
      `{"dataframe_split": {"data": [[${ones(3000)}], ${'[], '.repeat(3000)}[]]}}`,
    ],
    [
      'a key of its own in each record',
      `{"dataframe_records": [${Array.from({ length: 2000 }, (_, i) => `{"k${i}": 1}`)}]}`,
    ],
    [
      'one row for a long index',
      `{"dataframe_split": {"index": [${ones(3000)}], "data": [[${ones(3000)}]]}}`,
    ],
    [
      'a scalar for many cells',
      `{"dataframe_split": {"index": [${ones(3000)}], "columns": [${ones(3000)}], "data": 1}}`,
    ],
  ])('is refused: %s', (_, body) => {
    expect(refusal(text, body).message).toMatch(
      /^Expected at most 1000000 cells of the data frame to be filled in, got \d+/,
    )
  })

  it.each([
    ['objects', `{"inputs": [${'{},'.repeat(60_000)}{}]}`],
    ['lists', `{"inputs": [${'[],'.repeat(250_000)}[]]}`],
    ['integers', `{"inputs": [null${',1'.repeat(300_000)}]}`],
    ['texts', `{"inputs": [null${',""'.repeat(300_000)}]}`],
    ['escapes', `{"inputs": [null, "${'\\n'.repeat(400_000)}"]}`],
    ['keys', `{"inputs": [${keys(130_000)}]}`],
  ])('is refused when its values would take more memory than is allowed: %s', (_, body) => {
    expect(refusal(text, body).code).toBe('BODY_TOO_LARGE')
  })

  it.each([
    ['columns', `{"dataframe_split": {"columns": [${ones(10_001)}], "data": []}}`],
    ['a row of split', `{"dataframe_split": {"data": [[], [${ones(10_001)}]]}}`],
    ['a record', `{"dataframe_records": [{}, ${keys(10_001)}]}`],
    ['inputs by name', `{"inputs": ${keys(10_001)}}`],
    ['an instance', `{"instances": [1, ${keys(10_001)}]}`],
    ['the unwrapped form', `{"prompt": 1, ${keys(10_000).slice(1)}`],
  ])('is refused when it has more columns than are allowed: %s', (_, body) => {
    expect(refusal(text, body).message).toBe(
      'Expected at most 10000 columns, got 10001; the limit is --max-columns (BATON_MAX_COLUMNS)',
    )
  })

  it('may have as many elements as it likes in the rows of a tensor', () => {
    const body = `{"inputs": [[${ones(10_001)}]]}`
    expect(refusal(text, body).message).not.toContain('BATON_MAX_COLUMNS')
    expect(refusal(named, body).message).toContain('BATON_MAX_COLUMNS')
  })

  it('gets an answer of bounded length', () => {
    const { body } = errorAnswer(
      refusal(named, `{"dataframe_split": {"columns": ["a"], "data": [["${'x'.repeat(1e6)}"]]}}`),
    )
    expect(body.length).toBeLessThan(40_000)
    expect(body).toMatch(/\.\.\. \(\d+ more characters\)/)
  })

  it.each([
    ['blanks before a letter', `${' '.repeat(200_000)}x${' '.repeat(200_000)}x`],
    ['digits before a letter', `${'1'.repeat(200_000)}x`],
    ['groups of digits', `${'1_'.repeat(200_000)}x`],
  ])('is read in linear time: %s', (_, value) => {
    const body = `{"dataframe_split": {"columns": ["a"], "data": [["${value}"]]}}`
    expect(refusal(named, body).message).toContain('invalid literal for int() with base 10')
  })

  it('is refused when it nests deeper than the stack, whatever the limit', () => {
    const deep = (levels: number): string => `${'['.repeat(levels)}1${']'.repeat(levels)}`
    for (const levels of [991, 5000, 90_000]) {
      const body = `{"dataframe_split": {"data": [[${deep(levels)}]]}}`
      expect(refusal(text, body, levels < 1000 ? 990 : 100_000).code).toBe('INVALID_REQUEST')
    }
  })
})
