import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import { goldenCases, readGoldenFile } from '../../../src/serving/rehearsal/golden-file.ts'
import { answer } from './answers.ts'

const parse = (json: Uint8Array) => answer(new TextDecoder().decode(json))

function refusal(json: string): string {
  try {
    goldenCases(answer(json))
    return 'none'
  } catch (error) {
    expect(ServingError.from(error).code).toBe('MODEL_INVALID')
    return ServingError.from(error).message
  }
}

describe('a golden.json', () => {
  it('has cases, with a tolerance for all and one of their own', () => {
    const cases = goldenCases(
      answer(`{
        "tolerance": {"absolute": 0.5},
        "cases": [
          {"name": "zero", "request": {"inputs": [[0]]}, "response": {"predictions": [1.0]}},
          {"request": {"inputs": [[1]]}, "response": [1], "tolerance": {"relative": 1}}
        ]
      }`),
    )
    expect(cases).toMatchObject([
      { name: 'zero', tolerance: { absolute: 0.5, relative: 1e-4 } },
      { name: 'cases[1]', tolerance: { absolute: 0.5, relative: 1 } },
    ])
    expect(cases[0]?.request).toEqual(new Map([['inputs', [[0n]]]]))
  })

  it.each([
    [
      '[]',
      'expected the file to be an object with "tolerance", "cases", received a value of kind list',
    ],
    ['{}', 'expected "cases", a list of one case or more, received none'],
    ['{"cases": []}', 'expected "cases", a list of one case or more'],
    ['{"case": []}', 'expected the file to have "tolerance", "cases" alone, received "case"'],
    ['{"cases": [1]}', 'expected cases[0] to be an object'],
    ['{"cases": [{"response": 1}]}', 'expected cases[0].request, an object, received none'],
    [
      '{"cases": [{"request": "x", "response": 1}]}',
      'cases[0].request, an object, received a value of kind text',
    ],
    ['{"cases": [{"request": {}}]}', 'expected cases[0].response, received none'],
    ['{"cases": [{"request": {}, "response": 1, "name": 1}]}', 'cases[0].name, a text'],
    [
      '{"cases": [{"request": {}, "response": 1, "tolerance": {"absolute": -1}}]}',
      'cases[0].tolerance.absolute, a number from 0 up',
    ],
    ['{"tolerance": {"relative": "1"}, "cases": []}', '"tolerance".relative, a number from 0 up'],
  ])('of another form is refused: %s', (json, message) => {
    expect(refusal(json)).toContain(message)
  })

  it('may be missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'baton-golden-'))
    expect(await readGoldenFile(folder, parse)).toBeUndefined()
  })

  it('is not read where it is no JSON, or very large', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'baton-golden-'))
    await writeFile(join(folder, 'golden.json'), '{"cases": ')
    await expect(readGoldenFile(folder, parse)).rejects.toThrow(
      'golden.json of the model: expected JSON',
    )
    await writeFile(join(folder, 'golden.json'), Buffer.alloc(1024 * 1024 + 1, ' '))
    await expect(readGoldenFile(folder, parse)).rejects.toThrow('expected at most 1048576 bytes')
  })
})
