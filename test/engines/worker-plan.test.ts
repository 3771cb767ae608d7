import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanRequest, planWorkers, workersWorth } from '../../src/engines/worker-plan.ts'

const MIB = 2 ** 20

function plan(request: Partial<PlanRequest>): [workers: number, threads: number] {
  const all = { bytes: MIB, cores: 1, models: 1, workers: undefined, intraOpThreads: undefined }
  const { workers, intraOpThreads } = planWorkers({ ...all, ...request })
  return [workers, intraOpThreads]
}

type Case = [string, Partial<PlanRequest>, [workers: number, threads: number]]

describe('workers and the threads inside their operators', () => {
  it.each<Case>([
    ['one core', {}, [1, 1]],
    ['one core, a large model', { bytes: 100 * MIB }, [1, 1]],
    ['a worker a core', { cores: 4 }, [4, 1]],
    ['a worker a core, a large model too', { cores: 2, bytes: 100 * MIB }, [2, 1]],
    ['threads where copies would take too much', { cores: 8, bytes: 100 * MIB }, [4, 2]],
    ['one copy of a huge model', { cores: 8, bytes: 2048 * MIB }, [1, 8]],
    [
      'threads where copies of a small file were measured to take too much',
      { cores: 8, memoryBytes: 100 * MIB },
      [4, 2],
    ],
    ['no core left over', { cores: 6, bytes: 120 * MIB }, [3, 2]],
    ['a share of the cores each', { cores: 8, models: 2 }, [4, 1]],
    ['a share of the cores each, large', { cores: 8, models: 2, bytes: 400 * MIB }, [1, 4]],
    ['as many models as cores', { cores: 4, models: 4, bytes: 400 * MIB }, [1, 1]],
    ['more models than cores', { cores: 4, models: 100 }, [1, 1]],
    ['no model known yet', { cores: 2, models: 0 }, [2, 1]],
    ['workers as asked', { workers: 3 }, [3, 1]],
    ['workers as asked, threads for the rest', { cores: 8, workers: 2, bytes: 9 * MIB }, [2, 4]],
    ['workers as asked, small: no threads', { cores: 8, workers: 2 }, [2, 1]],
    ['threads as asked, workers for the rest', { cores: 8, intraOpThreads: 4 }, [2, 4]],
    ['threads as asked, more than cores', { cores: 2, intraOpThreads: 4 }, [1, 4]],
    ['both as asked', { cores: 2, workers: 5, intraOpThreads: 3 }, [5, 3]],
    ['an empty folder', { cores: 2, bytes: 0 }, [2, 1]],
  ])('%s', (_, request, expected) => {
    expect(plan(request)).toEqual(expected)
  })

  it('are never more than the cores, over all models together, unless asked for', () => {
    const numbers = fc.record({
      bytes: fc.integer({ min: 0, max: 8192 * MIB }),
      cores: fc.integer({ min: 1, max: 128 }),
      models: fc.integer({ min: 1, max: 200 }),
    })
    fc.assert(
      fc.property(numbers, ({ bytes, cores, models }) => {
        const [workers, threads] = plan({ bytes, cores, models })
        const share = Math.max(1, Math.floor(cores / models))
        expect(workers * threads).toBeLessThanOrEqual(share)
        expect(workers).toBeGreaterThan(0)
      }),
    )
  })
})

describe('workers worth their memory', () => {
  const planned = { workers: 4, intraOpThreads: 1 }

  it.each([
    ['one while a single one keeps up', 0.4, 1],
    ['all when a row takes a millisecond', 1, 4],
    ['one where nothing could be measured', undefined, 1],
  ])('are %s', (_, runMs, workers) => {
    expect(workersWorth(planned, runMs)).toBe(workers)
  })
})
