import { describe, expect, it } from 'vitest'
import type { AnswerValue } from '../../../src/serving/rehearsal/answer-value.ts'
import { ConstantWatch } from '../../../src/serving/rehearsal/constant-watch.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Exchanges as `request -> answer before -> answer now`. */
function watch(...lines: readonly (readonly [string, AnswerValue, AnswerValue])[]): boolean {
  const seen = new ConstantWatch()
  for (const [body, before, after] of lines) seen.add(bytes(body), before, after)
  return seen.constant
}

describe('answers are constant', () => {
  it('when three different requests with three different answers are answered alike', () => {
    expect(watch(['a', 1, 7], ['b', 2, 7], ['c', 3, 7])).toBe(true)
    expect(watch(['a', 1, 7], ['b', 2, 7], ['c', 3, 8])).toBe(false)
  })

  it('only where the serving version told the requests apart', () => {
    expect(watch(['a', 1, 7], ['b', 1, 7], ['c', 1, 7], ['d', 2, 7])).toBe(false)
  })

  it('only where the requests are different', () => {
    expect(watch(['a', 1, 7], ['a', 2, 7], ['a', 3, 7])).toBe(false)
  })

  it('by their values, not by how they are written', () => {
    expect(watch(['a', 1, 0], ['b', 2, -0], ['c', 3, 0])).toBe(true)
    expect(watch(['a', 1, Number.NaN], ['b', 2, Number.NaN], ['c', 3, Number.NaN])).toBe(true)
    expect(watch(['a', 0, 7], ['b', -0, 7], ['c', 1, 7])).toBe(false)
  })

  it('among those of as many rows', () => {
    const one = [
      ['a', 1, 7],
      ['b', 2, 7],
      ['c', 3, 7],
    ] as const
    expect(watch(...one, ['dd', [4, 4], [7, 7]])).toBe(true)
    expect(watch(['a', 1, 7], ['bb', [2, 2], [7, 7]], ['ccc', [3, 3, 3], [7, 7, 7]])).toBe(false)
  })
})
