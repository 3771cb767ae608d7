/**
 * Work that several callers wait for: it runs once, tells each of its progress, and is aborted when the last
 * of them has left.
 */
export class SharedTask<T, P> {
  readonly #stop = new AbortController()
  readonly #listeners = new Set<(progress: P) => void>()
  readonly #result: Promise<T>
  #latest: P | undefined

  constructor(work: (onProgress: (progress: P) => void, signal: AbortSignal) => Promise<T>) {
    this.#result = work((progress) => {
      this.#latest = progress
      for (const listener of this.#listeners) listener(progress)
    }, this.#stop.signal)
    // Every caller may have left by the time it fails.
    this.#result.catch(() => undefined)
  }

  /** Whether the work was given up, so that nobody new may join. */
  get abandoned(): boolean {
    return this.#stop.signal.aborted
  }

  /** Waits for the result; a caller's own abort ends only its waiting, unless it is the last one. */
  async join(onProgress: (progress: P) => void, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    // Each caller is a listener of its own, though two may bring the same function.
    const listener = (progress: P) => onProgress(progress)
    this.#listeners.add(listener)
    if (this.#latest !== undefined) listener(this.#latest)
    let leave = () => {}
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => reject(signal.reason)
      signal.addEventListener('abort', leave, { once: true })
    })
    try {
      return await Promise.race([this.#result, left])
    } finally {
      signal.removeEventListener('abort', leave)
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop.abort(new Error('nobody waits for it any more'))
    }
  }
}
