import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyBudget } from '../../src/http/body-budget.ts'

const KB = 1024

describe('BodyBudget', () => {
  it('counts what has arrived of bodies over 16 KiB, until they are given back', () => {
    const budget = new BodyBudget(1_000 * KB)
    expect(budget.grow(0, 16 * KB)).toBeUndefined()
    expect(budget.heldBytes).toBe(0)
    expect(budget.grow(16 * KB, 17 * KB)).toBeUndefined()
    expect(budget.grow(17 * KB, 100 * KB)).toBeUndefined()
    expect(budget.heldBytes).toBe(100 * KB)
    budget.giveBack(100 * KB)
    expect(budget.heldBytes).toBe(0)
  })

  it('refuses what has no room, in both ways, and says where the limit is', () => {
    const budget = new BodyBudget(200 * KB)
    budget.grow(0, 150 * KB)
    for (const refusal of [budget.refusalOf(100 * KB), budget.grow(0, 100 * KB)]) {
      expect(refusal).toMatchObject({
        code: 'BODIES_FULL',
        message: expect.stringContaining('BATON_MAX_INFLIGHT_BODY_BYTES'),
        details: { retryAfterSeconds: 1 },
      })
    }
    expect(budget.refusalOf(16 * KB)).toBeUndefined()
    expect(budget.heldBytes).toBe(150 * KB)
  })

  it('lets one body in that is larger than all of it, while it is alone', () => {
    const budget = new BodyBudget(200 * KB)
    expect(budget.refusalOf(500 * KB)).toBeUndefined()
    expect(budget.grow(0, 150 * KB)).toBeUndefined()
    expect(budget.grow(150 * KB, 500 * KB)).toBeUndefined()
    expect(budget.grow(0, 17 * KB)?.code).toBe('BODIES_FULL')
  })

  it('holds no more than its limit and one piece of a body alone, and nothing in the end', () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (bodies) => {
        const limit = 400 * KB
        const budget = new BodyBudget(limit)
        const open = bodies.map((left) => ({ left: [...left], size: 0 }))
        const held = new Set<(typeof open)[number]>()
        while (open.some(({ left }) => left.length > 0)) {
          for (const body of open) {
            const piece = body.left.shift()
            if (piece === undefined) continue
            const grown = body.size + piece * KB
            if (budget.grow(body.size, grown) === undefined) {
              body.size = grown
              held.add(body)
            } else {
              body.left = []
              budget.giveBack(body.size)
              held.delete(body)
            }
            const large = [...held].filter(({ size }) => size > 16 * KB)
            expect(budget.heldBytes).toBe(large.reduce((sum, { size }) => sum + size, 0))
            if (large.length > 1)
              expect(budget.heldBytes).toBeLessThanOrEqual(limit + largest(large))
          }
        }
        for (const { size } of held) budget.giveBack(size)
        expect(budget.heldBytes).toBe(0)
      }),
    )
  })
})

/** One that was let in alone may have outgrown the limit by itself. */
function largest(bodies: readonly { readonly size: number }[]): number {
  return Math.max(...bodies.map(({ size }) => size))
}
