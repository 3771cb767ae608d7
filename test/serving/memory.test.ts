import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkRoom, standbyFits, takableBytes, versionMemory } from '../../src/serving/memory.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

describe('memory that may be taken', () => {
  it('is what the limit leaves but for a twentieth of it', () => {
    expect(takableBytes({ limitBytes: 4 * GIB, leftBytes: GIB })).toBe(GIB - (4 * GIB) / 20)
  })

  it('leaves 32 MiB of a small limit and 512 MiB of a large one', () => {
    expect(takableBytes({ limitBytes: 256 * MIB, leftBytes: 100 * MIB })).toBe(68 * MIB)
    expect(takableBytes({ limitBytes: 64 * GIB, leftBytes: GIB })).toBe(512 * MIB)
  })

  it('is never less than nothing nor more than what is left', () => {
    const bytes = fc.nat({ max: 2 ** 31 })
    fc.assert(
      fc.property(bytes, bytes, (limitBytes, leftBytes) => {
        const takable = takableBytes({ limitBytes, leftBytes })
        expect(takable).toBeGreaterThanOrEqual(0)
        expect(takable).toBeLessThanOrEqual(leftBytes)
      }),
    )
  })
})

describe('the memory of a version', () => {
  it('is what its trial measured', () => {
    const trial = { memoryBytes: 300, peakMemoryBytes: 500 }
    expect(versionMemory(10, trial)).toEqual({ bytes: 300, peakBytes: 500, measured: true })
  })

  it.each([
    ['there was no trial', undefined],
    ['the trial could not measure it', { memoryBytes: undefined, peakMemoryBytes: undefined }],
  ])('is estimated by its files where %s', (_, trial) => {
    expect(versionMemory(100, trial)).toEqual({ bytes: 100, peakBytes: 200, measured: false })
  })
})

describe('a version that is to replace another', () => {
  const memory = { bytes: 300 * MIB, peakBytes: 500 * MIB, measured: true }

  it('is loaded where no limit is', () => {
    expect(() => checkRoom(memory, undefined)).not.toThrow()
  })

  it('is loaded where it fits at its largest', () => {
    const room = { limitBytes: GIB, leftBytes: 552 * MIB }
    expect(() => checkRoom(memory, room)).not.toThrow()
  })

  it('is refused with the numbers where it does not', () => {
    const room = { limitBytes: 640 * MIB, leftBytes: 400 * MIB }
    expect(() => checkRoom(memory, room)).toThrow(
      expect.objectContaining({
        code: 'INSUFFICIENT_MEMORY',
        message:
          "Loading takes 500 MiB of memory, as its trial measured; the container's limit of 640 MiB leaves 400 MiB " +
          'beside what is loaded, of which 32 MiB stay free for requests',
        details: {
          neededBytes: 500 * MIB,
          leftBytes: 400 * MIB,
          limitBytes: 640 * MIB,
        },
      }),
    )
  })

  it('is told when the number is an estimate', () => {
    const room = { limitBytes: 640 * MIB, leftBytes: 400 * MIB }
    expect(() => checkRoom({ ...memory, measured: false }, room)).toThrow(
      'by the size of its files',
    )
  })
})

describe('a version that was replaced', () => {
  it('may stand by while what must stay free is free', () => {
    const limitBytes = GIB
    expect(standbyFits(300 * MIB, undefined)).toBe(true)
    expect(standbyFits(300 * MIB, { limitBytes, leftBytes: 200 * MIB })).toBe(true)
    expect(standbyFits(300 * MIB, { limitBytes, leftBytes: 20 * MIB })).toBe(false)
    expect(standbyFits(undefined, { limitBytes, leftBytes: 20 * MIB })).toBe(false)
  })

  it('may always stand by when it takes hardly anything', () => {
    expect(standbyFits(MIB, { limitBytes: GIB, leftBytes: 0 })).toBe(true)
  })
})
