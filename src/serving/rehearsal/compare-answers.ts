import { type AnswerValue, isList, isObject, kindOf } from './answer-value.ts'

/** How one answer differs from another to the same request. */
export interface AnswerDifference {
  /** The first place where lists have other lengths, or names are gone, or a list stands in place of something else. */
  readonly shape: string | undefined
  /** The first place where the value is of another kind (integer, float, text, boolean, null). */
  readonly kind: string | undefined
  /** A name that was not there before, which disturbs nobody. */
  readonly added: string | undefined
  /** Numbers that were finite, and are NaN or infinite now. */
  readonly nonFinite: number
  /** Floats that are finite in both. */
  readonly numbers: number
  /** Largest absolute difference among them. */
  readonly largest: number
  /** Sum of their absolute differences. */
  readonly sum: number
  /** Labels (integers, texts, booleans) and rows of several floats, which have a largest one (arg-max). */
  readonly decisions: number
  /** Of these, labels that differ, and rows whose largest float stands elsewhere. */
  readonly changed: number
}

/** Compares the answers of two versions to the same request. */
export function compareAnswers(before: AnswerValue, after: AnswerValue): AnswerDifference {
  const comparison = new Comparison()
  comparison.compare(before, after, '', false)
  return comparison
}

class Comparison implements AnswerDifference {
  shape: string | undefined
  kind: string | undefined
  added: string | undefined
  nonFinite = 0
  numbers = 0
  largest = 0
  sum = 0
  decisions = 0
  changed = 0

  /** @param inList whether the value stands in a list: only there is a list of floats one row of several. */
  compare(before: AnswerValue, after: AnswerValue, path: string, inList: boolean): void {
    if (isList(before) && isList(after)) this.#lists(before, after, path, inList)
    else if (isObject(before) && isObject(after)) this.#objects(before, after, path)
    else if (isNested(before) || isNested(after)) this.#reshaped(before, after, path)
    else if (kindOf(before) !== kindOf(after)) this.#otherKind(before, after, path)
    else if (typeof before === 'number') this.#floats(before, Number(after))
    else this.#decide(before !== after)
  }

  #lists(
    before: readonly AnswerValue[],
    after: readonly AnswerValue[],
    path: string,
    inList: boolean,
  ): void {
    if (before.length !== after.length) {
      this.#reshaped(before, after, path)
      return
    }
    for (const [i, value] of before.entries()) {
      this.compare(value, after[i] ?? null, `${path}[${i}]`, true)
    }
    if (inList) this.#rows(before, after)
  }

  #objects(
    before: ReadonlyMap<string, AnswerValue>,
    after: ReadonlyMap<string, AnswerValue>,
    path: string,
  ): void {
    const pairs: [AnswerValue, AnswerValue][] = []
    for (const [name, value] of before) {
      const place = path === '' ? name : `${path}.${name}`
      const other = after.get(name)
      if (other === undefined) this.shape ??= `"${place}" is gone`
      else {
        this.compare(value, other, place, false)
        pairs.push([value, other])
      }
    }
    for (const name of after.keys()) if (!before.has(name)) this.added ??= name
    this.#rows(
      pairs.map(([value]) => value),
      pairs.map(([, value]) => value),
    )
  }

  #rows(before: readonly AnswerValue[], after: readonly AnswerValue[]): void {
    if (before.length < 2) return
    const [old, now] = [largestOf(before), largestOf(after)]
    if (old !== undefined && now !== undefined) this.#decide(old !== now)
  }

  #floats(before: number, after: number): void {
    if (!Number.isFinite(before)) return
    if (!Number.isFinite(after)) {
      this.nonFinite += 1
      return
    }
    const difference = Math.abs(before - after)
    this.numbers += 1
    this.sum += difference
    this.largest = Math.max(this.largest, difference)
  }

  #decide(changed: boolean): void {
    this.decisions += 1
    if (changed) this.changed += 1
  }

  #reshaped(before: AnswerValue, after: AnswerValue, path: string): void {
    this.shape ??= `${placeOf(path)} is ${described(after)}, and was ${described(before)}`
  }

  #otherKind(before: AnswerValue, after: AnswerValue, path: string): void {
    this.kind ??= `${placeOf(path)} is of kind ${kindOf(after)}, and was ${kindOf(before)}`
  }
}

/** Index of the largest float, the first of several; undefined where not all are finite floats. */
function largestOf(values: readonly AnswerValue[]): number | undefined {
  let best = 0
  for (const [i, value] of values.entries()) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
    if (value > Number(values[best])) best = i
  }
  return best
}

function isNested(value: AnswerValue): boolean {
  return isList(value) || isObject(value)
}

export function placeOf(path: string): string {
  return path === '' ? 'the answer' : `"${path}"`
}

/** A value's nesting, in words. */
export function described(value: AnswerValue): string {
  if (isList(value)) return `a list of ${value.length}`
  return isObject(value) ? 'an object' : `a value of kind ${kindOf(value)}`
}
