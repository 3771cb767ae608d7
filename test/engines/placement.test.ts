import { describe, expect, it } from 'vitest'
import {
  LARGE_MODEL_BYTES,
  type Placement,
  type PlacementPolicy,
  type PlacementSnapshot,
  place,
} from '../../src/engines/placement.ts'

const SMALL = 1000
const LARGE = LARGE_MODEL_BYTES

function snapshot(
  cores: number,
  models: number,
  shared: Readonly<Record<number, number>> = {},
): PlacementSnapshot {
  return {
    cores,
    models,
    shared: Object.entries(shared).map(([id, count]) => ({ id: Number(id), models: count })),
  }
}

const own = (workers: number): Placement => ({ kind: 'own', workers })
const on = (...workers: (number | 'new')[]): Placement => ({ kind: 'shared', workers })

type Case = [string, PlacementPolicy, PlacementSnapshot, number, number, Placement]

describe('place', () => {
  it.each<Case>([
    ['the first model has a worker of its own', 'auto', snapshot(4, 0), SMALL, 1, own(1)],
    ['as long as there are fewer models than cores', 'auto', snapshot(4, 3), SMALL, 1, own(1)],
    ['with as many workers as it wants', 'auto', snapshot(4, 1), SMALL, 3, own(3)],
    ['as many models as cores: the next shares', 'auto', snapshot(4, 4), SMALL, 1, on('new')],
    ['a large model never shares', 'auto', snapshot(4, 90), LARGE, 1, own(1)],
    ['a byte less is small', 'auto', snapshot(4, 4), LARGE - 1, 1, on('new')],
    ['one core: a version and its successor', 'auto', snapshot(1, 1), SMALL, 1, own(1)],
    ['one core: a third shares', 'auto', snapshot(1, 2), SMALL, 1, on('new')],
    ['dedicated, whatever the number', 'dedicated', snapshot(1, 50), SMALL, 2, own(2)],
    ['shared, whatever the size', 'shared', snapshot(8, 0), LARGE, 1, on('new')],
    ['as many shared workers as cores', 'shared', snapshot(2, 1, { 7: 1 }), SMALL, 1, on('new')],
    ['then the one with fewer models', 'shared', snapshot(2, 5, { 7: 3, 9: 2 }), SMALL, 1, on(9)],
    ['the older one of two alike', 'shared', snapshot(2, 4, { 9: 2, 7: 2 }), SMALL, 1, on(7)],
    [
      'two workers are two different ones',
      'shared',
      snapshot(2, 5, { 7: 3, 9: 2 }),
      SMALL,
      2,
      on(9, 7),
    ],
    ['new ones first', 'shared', snapshot(3, 5, { 7: 3, 9: 2 }), SMALL, 2, on('new', 9)],
    ['never more than there can be', 'shared', snapshot(2, 0), SMALL, 8, on('new', 'new')],
  ])('%s', (_, policy, state, bytes, workers, expected) => {
    expect(place(policy, state, { bytes, workers })).toEqual(expected)
  })

  it('spreads a hundred small models evenly over as many workers as there are cores', () => {
    const shared: Record<number, number> = {}
    for (let models = 0; models < 100; models++) {
      const placement = place('auto', snapshot(4, models, shared), { bytes: SMALL, workers: 1 })
      if (placement.kind === 'own') continue
      for (const id of placement.workers) {
        if (id === 'new') shared[100 + Object.keys(shared).length] = 1
        else shared[id] = (shared[id] ?? 0) + 1
      }
    }
    expect(Object.values(shared)).toEqual([24, 24, 24, 24])
  })
})
