/** Different requests with different answers of the serving version that it takes to call equal answers constant. */
const ENOUGH = 3

interface Group {
  /** Requests that differ from each other, and whose answers by the serving version do. */
  readonly distinct: { readonly body: Uint8Array; readonly before: Uint8Array }[]
  readonly answer: Uint8Array
  varied: boolean
}

/**
 * Finds a version that answers everything alike. Answers are compared with those of as many values, since requests
 * may have different numbers of rows.
 */
export class ConstantWatch {
  readonly #groups = new Map<number, Group>()

  /** @param values that the answers hold. */
  add(body: Uint8Array, before: Uint8Array, after: Uint8Array, values: number): void {
    const group = this.#groups.get(values) ?? { distinct: [], answer: after, varied: false }
    this.#groups.set(values, group)
    group.varied ||= Buffer.compare(group.answer, after) !== 0
    if (group.distinct.length >= ENOUGH) return
    const seen = group.distinct.some(
      (other) =>
        Buffer.compare(other.body, body) === 0 || Buffer.compare(other.before, before) === 0,
    )
    if (!seen) group.distinct.push({ body, before })
  }

  get constant(): boolean {
    const telling = [...this.#groups.values()].filter(({ distinct }) => distinct.length >= ENOUGH)
    return telling.length > 0 && telling.every(({ varied }) => !varied)
  }
}
