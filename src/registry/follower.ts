import type { Registry } from '../interfaces.ts'
import { type ModelRef, servedName } from '../model/model-uri.ts'
import { ModelPoll, type PollOptions, type PollStatus } from './model-poll.ts'

export type FollowerOptions = PollOptions & {
  /** What to follow. References that are served under one name are asked for together. */
  readonly refs: readonly ModelRef[]
}

/**
 * Follows references through a registry: aliases, stages and `latest` are polled for as long as it runs, a fixed
 * version only until it has been resolved. A failure changes nothing but the time of the next try.
 */
export class RegistryFollower {
  readonly #registry: Registry
  readonly #polls = new Map<string, ModelPoll>()
  #unwatch: (() => void) | undefined

  constructor(options: FollowerOptions) {
    this.#registry = options.registry
    const byName = new Map<string, ModelRef[]>()
    for (const ref of options.refs) {
      const name = servedName(ref)
      byName.set(name, [...(byName.get(name) ?? []), ref])
    }
    for (const [name, refs] of byName) this.#polls.set(name, new ModelPoll(name, refs, options))
  }

  /** Polls every model now, and from then on by itself. */
  start(): void {
    this.#unwatch = this.#registry.watch?.((name) => this.hint(name))
    this.hint()
  }

  /** Something may have changed: polls the model now, or all of them. A name that is not followed is ignored. */
  hint(name?: string): void {
    if (name !== undefined) this.#polls.get(name)?.hint()
    else for (const poll of this.#polls.values()) poll.hint()
  }

  /** Aborts what is under way; no callback comes after this. */
  async stop(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
    await Promise.all([...this.#polls.values()].map((poll) => poll.stop()))
  }

  /** One entry a model, in the order of the references. */
  status(): readonly PollStatus[] {
    return [...this.#polls.values()].map((poll) => poll.status())
  }
}
