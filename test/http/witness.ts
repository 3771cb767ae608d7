/** An honest client of the same server: its requests must go on being answered, and rightly. */
export class Witness {
  readonly #done: Promise<void>
  readonly #wrong: string[] = []
  #answers = 0
  #stopped = false

  constructor(url: string, path: string, body: unknown) {
    this.#done = this.#ask(url, path, JSON.stringify(body))
  }

  /** What was answered otherwise than the first time, and how many answers there were. */
  async stop(): Promise<{ readonly wrong: readonly string[]; readonly answers: number }> {
    this.#stopped = true
    await this.#done
    return { wrong: this.#wrong, answers: this.#answers }
  }

  async #ask(url: string, path: string, body: string): Promise<void> {
    let expected: string | undefined
    do {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}${path}`, { method: 'POST', headers, body })
      const text = await response.text()
      this.#answers++
      expected ??= text
      if (response.status !== 200 || text !== expected) {
        this.#wrong.push(`${response.status} ${text}`)
      }
    } while (!this.#stopped)
  }
}
