import { describe, expect, it } from 'vitest'
import { chooseIntraOpThreads } from '../../src/engines/intra-op-threads.ts'

const MIB = 2 ** 20

describe('threads inside one operator', () => {
  it.each([
    ['one for a small model, whatever the cores', { bytes: MIB, cores: 16, workers: 1 }, 1],
    [
      'every core for a large model on a small machine',
      { bytes: 100 * MIB, cores: 2, workers: 1 },
      2,
    ],
    ['four at most', { bytes: 100 * MIB, cores: 64, workers: 1 }, 4],
    ['a share of the cores for each worker', { bytes: 100 * MIB, cores: 8, workers: 3 }, 2],
    ['one where there are more workers than cores', { bytes: 100 * MIB, cores: 2, workers: 5 }, 1],
  ])('are %s', (_, budget, threads) => {
    expect(chooseIntraOpThreads(budget)).toBe(threads)
  })
})
