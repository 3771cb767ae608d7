import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExchangeRing, MAX_ANSWER_BYTES } from '../../../src/serving/rehearsal/exchange-ring.ts'

const JSON_MEDIA = 'application/json'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (body: Uint8Array) => new TextDecoder().decode(body)

/** Offers one exchange as the route does. */
function offer(ring: ExchangeRing, now: number, body: string, answer: string | Uint8Array): void {
  if (now < ring.dueAt) return
  const taken = ring.take(JSON_MEDIA, bytes(body), now)
  if (taken !== undefined) ring.keep(taken, answer, 1)
}

const held = (ring: ExchangeRing) => ring.exchanges().map(({ body }) => text(body))

describe('a ring of recent exchanges', () => {
  it('gives the latest first, with their answers and run times', () => {
    const ring = new ExchangeRing({ requests: 3, maxBytes: 1000 })
    for (const [i, body] of ['a', 'b', 'c', 'd'].entries()) offer(ring, i * 10_000, body, `${i}`)
    expect(
      ring.exchanges().map((kept) => [text(kept.body), text(kept.answer), kept.runMs]),
    ).toEqual([
      ['d', '3', 1],
      ['c', '2', 1],
      ['b', '1', 1],
    ])
  })

  it('takes the first requests at once, and one a second when it is full', () => {
    const ring = new ExchangeRing({ requests: 64, maxBytes: 1e6 })
    offer(ring, 0, 'first', '1')
    offer(ring, 1, 'second', '2')
    expect(held(ring)).toHaveLength(2)
    const taken: number[] = []
    for (let now = 0; now < 120_000; now += 1) {
      if (now >= ring.dueAt) taken.push(now)
      offer(ring, now, `${now}`, '')
    }
    expect(held(ring)).toHaveLength(64)
    expect((taken.at(-1) ?? 0) - (taken.at(-2) ?? 0)).toBe(1000)
  })

  it('keeps nothing, and is never due, where it is switched off', () => {
    const ring = new ExchangeRing({ requests: 0, maxBytes: 1000 })
    expect(ring.dueAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('holds copies: the buffer of a request may be transferred, and that of an answer be written again', () => {
    const ring = new ExchangeRing({ requests: 4, maxBytes: 1000 })
    const chunk = bytes('....body....')
    const body = chunk.subarray(4, 8)
    const answer = bytes('answer')
    const taken = ring.take(JSON_MEDIA, body, 0)
    if (taken !== undefined) ring.keep(taken, answer, 1)
    chunk.fill(0)
    answer.fill(0)
    const [kept] = ring.exchanges()
    expect(text(kept?.body ?? bytes(''))).toBe('body')
    expect(text(kept?.answer ?? bytes(''))).toBe('answer')
    expect(kept?.body.buffer.byteLength).toBe(4)
  })

  it('keeps no body and no answer that is too large for it', () => {
    const ring = new ExchangeRing({ requests: 4, maxBytes: 1000 })
    offer(ring, 0, 'x'.repeat(251), '')
    offer(ring, 0, 'small', 'x'.repeat(251))
    expect(held(ring)).toEqual([])
    const large = new ExchangeRing({ requests: 4, maxBytes: 1e9 })
    offer(large, 0, 'small', 'x'.repeat(MAX_ANSWER_BYTES + 1))
    offer(large, 0, 'small', 'ü'.repeat(MAX_ANSWER_BYTES / 2 + 1))
    expect(held(large)).toEqual([])
  })

  it('never holds more than its limits, and always the latest that fit', () => {
    const sizes = fc.array(
      fc.record({ body: fc.nat({ max: 300 }), answer: fc.nat({ max: 300 }) }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), (offers, requests) => {
        const maxBytes = 1000
        const ring = new ExchangeRing({ requests, maxBytes })
        let now = 0
        const fitting: string[] = []
        for (const [i, { body, answer }] of offers.entries()) {
          now += 1000
          const name = `${i}`.padEnd(body, '.')
          offer(ring, now, name, 'a'.repeat(answer))
          if (name.length + answer <= maxBytes / 4) fitting.push(name)
        }
        const kept = held(ring)
        const size = ring.exchanges().reduce((sum, e) => sum + e.body.length + e.answer.length, 0)
        expect(kept.length).toBeLessThanOrEqual(requests)
        expect(size).toBeLessThanOrEqual(maxBytes)
        expect(ring.bytes).toBe(size)
        expect(kept).toEqual(fitting.toReversed().slice(0, kept.length))
        if (fitting.length > 0) expect(kept.length).toBeGreaterThan(0)
      }),
    )
  })
})
