import autocannon from 'autocannon'
import { type Rows, randomRows, whyWrong } from './affine.ts'

const CONNECTIONS = 16
/** More in a row from one version than there are connections: nothing of another version is on its way. */
const SETTLED = CONNECTIONS * 2

export interface LoadReport {
  readonly answers: number
  readonly non2xx: number
  /** Connection errors, time-outs included. */
  readonly errors: number
  /** Answers that are not what the version they name would say; the first few. */
  readonly wrong: readonly string[]
  readonly byVersion: ReadonlyMap<string, number>
}

/** Requests with rows of their own over 16 connections, each answer checked against the version that it names. */
export class Load {
  readonly #instance: autocannon.Instance
  readonly #done: Promise<autocannon.Result>
  readonly #wrong: string[] = []
  readonly #byVersion = new Map<string, number>()
  readonly #waiting = new Set<{ version: string; resolve: () => void }>()
  #latest = ''
  #inARow = 0

  private constructor(url: string, seconds: number, perSecond: number | undefined) {
    const { promise, settle } = pending<autocannon.Result>()
    this.#done = promise
    this.#instance = autocannon(
      {
        url: `${url}/invocations`,
        method: 'POST',
        connections: CONNECTIONS,
        duration: seconds,
        ...(perSecond === undefined ? {} : { overallRate: perSecond }),
        timeout: 30,
        requests: [
          {
            headers: { 'content-type': 'application/json' },
            setupRequest: (request: autocannon.Request, context: Context) => {
              context.rows = randomRows(1 + Math.floor(Math.random() * 3))
              return { ...request, body: JSON.stringify({ inputs: { x: context.rows } }) }
            },
            onResponse: (status: number, body: string, context: Context, headers?: Headers) =>
              this.#check(status, body, context.rows, headers),
          },
        ] as autocannon.Request[],
      },
      settle,
    )
  }

  /** Begins, as fast as the server answers unless a rate is given; ends by itself after `seconds`. */
  static start(url: string, seconds: number, perSecond?: number): Load {
    return new Load(url, seconds, perSecond)
  }

  /** Resolves once every connection is answered by this version. */
  settledOn(version: string, ms = 30_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(waiter)
        reject(new Error(`expected answers from version ${version} within ${ms} ms`))
      }, ms)
      const waiter = {
        version,
        resolve: () => {
          clearTimeout(late)
          resolve()
        },
      }
      this.#waiting.add(waiter)
    })
  }

  /** Resolves after this many answers, or when the time is over. */
  async answered(count: number): Promise<void> {
    let left = count
    await new Promise<void>((resolve) => {
      this.#instance.on('response', () => {
        left -= 1
        if (left === 0) resolve()
      })
      this.#done.then(() => resolve()).catch(() => resolve())
    })
  }

  async stop(): Promise<LoadReport> {
    this.#instance.stop()
    const result = await this.#done
    return {
      answers: result['2xx'] + result.non2xx,
      non2xx: result.non2xx,
      errors: result.errors,
      wrong: this.#wrong,
      byVersion: this.#byVersion,
    }
  }

  #check(status: number, body: string, rows: Rows, headers: Headers = {}): void {
    const version = headerOf(headers, 'x-model-version') ?? '(none)'
    const problem =
      status === 200
        ? whyWrong(rows, version, (JSON.parse(body) as { predictions?: unknown }).predictions)
        : `${status}: ${body}`
    if (problem !== undefined && this.#wrong.length < 5) this.#wrong.push(problem)
    this.#byVersion.set(version, (this.#byVersion.get(version) ?? 0) + 1)
    this.#inARow = version === this.#latest ? this.#inARow + 1 : 1
    this.#latest = version
    if (this.#inARow < SETTLED) return
    for (const waiter of this.#waiting) {
      if (waiter.version !== version) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }
}

interface Context {
  rows: Rows
}
type Headers = Readonly<Record<string, string>>

function headerOf(headers: Headers, name: string): string | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
}

function pending<T>() {
  let settle: (error: unknown, value: T) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    settle = (error, value) => (error ? reject(error) : resolve(value))
  })
  return { promise, settle }
}
