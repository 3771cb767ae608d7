/** Bounds how many versions load at once. Whoever waits is served in order. */
export class LoadSlots {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /**
   * Runs `task` when a slot is free.
   * @throws the signal's reason when it aborts first, or what the task throws.
   */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#take(signal)
    try {
      signal.throwIfAborted()
      return await task()
    } finally {
      this.#give()
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(enter), 1)
        reject(signal.reason)
      }
      this.#queue.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #give(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
