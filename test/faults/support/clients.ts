import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'

/** One request, and how to judge the answer that a version gives to it. */
export interface Question {
  readonly body: string
  /** Why these predictions are not this version's; undefined when they are. */
  whyWrong(version: string, predictions: unknown): string | undefined
}

export interface ClientsOptions {
  /** Where the model answers, such as `http://127.0.0.1:8080/models/churn/invocations`. */
  readonly url: string
  /** Connections, each with one request at a time. */
  readonly count: number
  /** Milliseconds between an answer and the next request of the same client. */
  readonly pauseMs: number
  readonly ask: () => Question
}

export interface ClientsReport {
  readonly answers: number
  /** Requests that got no answer, or another status than 200; the texts of the first few. */
  readonly lost: number
  readonly losses: readonly string[]
  /** Answers that are not what the version they name would say; the first few. */
  readonly wrong: readonly string[]
  readonly byVersion: ReadonlyMap<string, number>
}

interface Waiter {
  readonly holds: () => boolean
  readonly resolve: () => void
}

/** Enough to see what went wrong. */
const KEPT = 5

/** Clients that ask one model all the time, each over a connection of its own, and check every answer. */
export class Clients {
  readonly #options: ClientsOptions
  readonly #agent: Agent
  readonly #done: Promise<unknown>
  readonly #losses: string[] = []
  readonly #wrong: string[] = []
  readonly #byVersion = new Map<string, number>()
  readonly #waiting = new Set<Waiter>()
  #stopped = false
  #answers = 0
  #lost = 0
  #latest = ''
  #inARow = 0

  private constructor(options: ClientsOptions) {
    this.#options = options
    this.#agent = new Agent({ connections: options.count })
    this.#done = Promise.all(Array.from({ length: options.count }, () => this.#work()))
  }

  static start(options: ClientsOptions): Clients {
    return new Clients(options)
  }

  get answers(): number {
    return this.#answers
  }

  /** Resolves once every client is answered by this version. */
  settledOn(version: string, ms?: number): Promise<void> {
    // More in a row than there are clients: nothing of another version is on its way.
    const enough = this.#options.count * 2
    this.#inARow = 0
    return this.#until(
      `answers from version ${version}`,
      () => this.#latest === version && this.#inARow >= enough,
      ms,
    )
  }

  /** Resolves after this many more answers. */
  answered(count: number, ms?: number): Promise<void> {
    const enough = this.#answers + count
    return this.#until(`${count} more answers`, () => this.#answers >= enough, ms)
  }

  async stop(): Promise<ClientsReport> {
    this.#stopped = true
    await this.#done
    if (!this.#agent.closed) await this.#agent.close()
    return {
      answers: this.#answers,
      lost: this.#lost,
      losses: this.#losses,
      wrong: this.#wrong,
      byVersion: this.#byVersion,
    }
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      await this.#askOnce().catch((error: unknown) => this.#lose(String(error)))
      for (const waiter of this.#waiting) if (waiter.holds()) waiter.resolve()
      await delay(this.#options.pauseMs)
    }
  }

  async #askOnce(): Promise<void> {
    const question = this.#options.ask()
    const response = await request(this.#options.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: question.body,
      dispatcher: this.#agent,
    })
    const text = await response.body.text()
    const version = String(response.headers['x-model-version'] ?? '(none)')
    this.#count(version)
    if (response.statusCode !== 200) return this.#lose(`${response.statusCode}: ${text}`)
    const { predictions } = JSON.parse(text) as { readonly predictions?: unknown }
    const problem = question.whyWrong(version, predictions)
    if (problem !== undefined && this.#wrong.length < KEPT) this.#wrong.push(problem)
  }

  #count(version: string): void {
    this.#answers += 1
    this.#byVersion.set(version, (this.#byVersion.get(version) ?? 0) + 1)
    this.#inARow = version === this.#latest ? this.#inARow + 1 : 1
    this.#latest = version
  }

  #lose(reason: string): void {
    this.#lost += 1
    if (this.#losses.length < KEPT) this.#losses.push(reason)
  }

  #until(what: string, holds: () => boolean, ms = 30_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(late)
        this.#waiting.delete(waiter)
      }
      const waiter: Waiter = {
        holds,
        resolve: () => {
          end()
          resolve()
        },
      }
      const late = setTimeout(() => {
        end()
        const lost = `${this.#lost} lost, first: ${this.#losses[0] ?? 'none'}`
        reject(new Error(`expected ${what} within ${ms} ms; ${this.#answers} answers, ${lost}`))
      }, ms)
      this.#waiting.add(waiter)
    })
  }
}
