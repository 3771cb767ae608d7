import { ServingError } from '../../errors.ts'
import type { ModelEntry, RefEntry } from '../model-entry.ts'
import { type ServedModel, versionId } from '../served-model.ts'
import { isLoaded } from '../version-state.ts'
import { type BringUpParts, checkAgainst } from './bring-up.ts'

export interface PromotionCheckParts<Contract> extends Pick<BringUpParts<Contract>, 'gates'> {
  /** The version may not take over the reference. */
  refused(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    version: ServedModel<Contract>,
    error: ServingError,
  ): void
  /** A check has ended. */
  ended(model: ModelEntry<Contract>): void
}

interface Check<Contract> {
  readonly model: ModelEntry<Contract>
  readonly id: string
  readonly abort: AbortController
  readonly done: Promise<void>
}

/**
 * Checks a loaded version before a reference is given to it that serves another one: a challenger that becomes
 * champion was loaded long before, and compared with another version or with none.
 */
export class PromotionChecks<Contract> {
  readonly #parts: PromotionCheckParts<Contract>
  readonly #checks = new Map<RefEntry<Contract>, Check<Contract>>()

  constructor(parts: PromotionCheckParts<Contract>) {
    this.#parts = parts
  }

  /** Whether a version must be checked first: not where the reference goes back to what it has served already. */
  isDue(ref: RefEntry<Contract>, to: ServedModel<Contract>): boolean {
    const { serving, served } = ref
    if (this.#parts.gates.length === 0) return false
    return serving !== undefined && !served.has(to.id) && !to.checkedAgainst.has(serving.id)
  }

  /** Starts a check; `ref.checking` says so until it has ended. */
  begin(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    to: ServedModel<Contract>,
    from: ServedModel<Contract>,
  ): void {
    ref.checking = to.id
    const abort = new AbortController()
    const done = this.#check(model, ref, to, from, abort.signal)
    this.#checks.set(ref, { model, id: to.id, abort, done })
  }

  /** Ends checks of what is not wanted any more. */
  endStale(model: ModelEntry<Contract>): void {
    for (const [ref, check] of this.#checks) {
      if (check.model !== model) continue
      const isKnown = model.refs.get(ref.label) === ref
      const wanted = isKnown && ref.desired !== undefined && versionId(ref.desired) === check.id
      if (!wanted) this.#abort(check)
    }
  }

  stop(): void {
    for (const check of this.#checks.values()) this.#abort(check)
  }

  get size(): number {
    return this.#checks.size
  }

  /** Resolves when those under way have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#checks.values()].map(({ done }) => done))
  }

  #abort({ abort }: Check<Contract>): void {
    abort.abort(new ServingError('LOAD_FAILED', 'The check was cancelled: no longer wanted'))
  }

  async #check(
    model: ModelEntry<Contract>,
    ref: RefEntry<Contract>,
    to: ServedModel<Contract>,
    from: ServedModel<Contract>,
    signal: AbortSignal,
  ): Promise<void> {
    const lease = to.lease()
    let error: ServingError | undefined
    try {
      await checkAgainst(to, from, this.#parts, signal)
    } catch (cause) {
      error = ServingError.from(cause)
    }
    lease.release()
    this.#checks.delete(ref)
    ref.checking = undefined
    const counts = !signal.aborted && isLoaded(to.state)
    if (error !== undefined && counts) this.#parts.refused(model, ref, to, error)
    this.#parts.ended(model)
  }
}
