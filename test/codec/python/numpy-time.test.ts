import { describe, expect, it } from 'vitest'
import { parseNumpyTime } from '../../../src/codec/python/numpy-time.ts'

describe('a text that is no date', () => {
  it.each([
    ['x', 0],
    ['-Infinity', 1],
    ['-', 1],
    ['+x', 1],
    ['--1', 2],
  ])('%j is refused at the place where numpy refuses it', (text, position) => {
    expect(() => parseNumpyTime(text, 'ns')).toThrow(
      `Error parsing datetime string "${text}" at position ${position}`,
    )
  })
})
