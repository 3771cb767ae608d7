/** Undoes what a test file started, the latest first, however far it came. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = []

  /** Remembers how to end something, and hands it on. */
  add<T>(started: T, end: (started: T) => Promise<unknown>): T {
    this.#steps.push(() => end(started))
    return started
  }

  async run(): Promise<void> {
    const failures: unknown[] = []
    for (const step of this.#steps.splice(0).reverse()) {
      await step().catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw new AggregateError(failures, 'cleaning up failed')
  }
}
