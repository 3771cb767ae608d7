import { describe, expect, it } from 'vitest'
import { ConstantWatch } from '../../../src/serving/rehearsal/constant-watch.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Exchanges as `request -> answer before -> answer now`, with the number of values in the answer. */
function watch(...lines: readonly (readonly [string, string, string, number?])[]): boolean {
  const seen = new ConstantWatch()
  for (const [body, before, after, values = 1] of lines) {
    seen.add(bytes(body), bytes(before), bytes(after), values)
  }
  return seen.constant
}

describe('answers are constant', () => {
  it('when three different requests with three different answers are answered alike', () => {
    expect(watch(['a', '1', '7'], ['b', '2', '7'], ['c', '3', '7'])).toBe(true)
    expect(watch(['a', '1', '7'], ['b', '2', '7'], ['c', '3', '8'])).toBe(false)
  })

  it('only where the serving version told the requests apart', () => {
    expect(watch(['a', '1', '7'], ['b', '1', '7'], ['c', '1', '7'], ['d', '2', '7'])).toBe(false)
  })

  it('only where the requests are different', () => {
    expect(watch(['a', '1', '7'], ['a', '2', '7'], ['a', '3', '7'])).toBe(false)
  })

  it('among those of as many rows', () => {
    const one = [
      ['a', '1', '7', 1],
      ['b', '2', '7', 1],
      ['c', '3', '7', 1],
    ] as const
    expect(watch(...one, ['dd', '44', '77', 2])).toBe(true)
    expect(watch(['a', '1', '7', 1], ['bb', '22', '77', 2], ['ccc', '333', '777', 3])).toBe(false)
  })
})
