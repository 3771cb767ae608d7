import { type AnswerValue, leafCount } from './answer-value.ts'
import { mismatch } from './mismatch.ts'

/** Different requests with different answers of the serving version that it takes to call equal answers constant. */
const ENOUGH = 3
const EXACT = { absolute: 0, relative: 0 }

interface Group {
  /** Requests that differ from each other, and whose answers by the serving version do. */
  readonly distinct: { readonly body: Uint8Array; readonly before: AnswerValue }[]
  readonly answer: AnswerValue
  varied: boolean
}

/**
 * Finds a version that answers everything alike. Answers are compared with those of as many values, since requests
 * may have different numbers of rows; and as values, since 0.0 and -0.0 are written otherwise.
 */
export class ConstantWatch {
  readonly #groups = new Map<number, Group>()

  /** A request's body, the serving version's answer to it and the new one's. */
  add(body: Uint8Array, before: AnswerValue, after: AnswerValue): void {
    const values = leafCount(before)
    const group = this.#groups.get(values) ?? { distinct: [], answer: after, varied: false }
    this.#groups.set(values, group)
    group.varied ||= !isSame(group.answer, after)
    if (group.distinct.length >= ENOUGH) return
    const seen = group.distinct.some(
      (other) => Buffer.compare(other.body, body) === 0 || isSame(other.before, before),
    )
    if (!seen) group.distinct.push({ body, before })
  }

  get constant(): boolean {
    const telling = [...this.#groups.values()].filter(({ distinct }) => distinct.length >= ENOUGH)
    return telling.length > 0 && telling.every(({ varied }) => !varied)
  }
}

function isSame(a: AnswerValue, b: AnswerValue): boolean {
  return mismatch(a, b, EXACT) === undefined
}
