import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  bareEnvironment,
  type Environment,
  freePort,
  REPOSITORY,
  temporaryFolder,
} from './backends.ts'
import { eventually } from './eventually.ts'

const MAIN = path.join(REPOSITORY, 'dist/cli/main.js')

export interface BatonOptions {
  /** The whole environment, but for PATH, HOME and LANG. */
  readonly env: Environment
  readonly flags?: readonly string[]
  /** Port to listen on; a free one if not given. */
  readonly port?: number
  /** Another installation than the repository's own build: its `dist/cli/main.js`. */
  readonly main?: string
  /** Opens a channel by which modules that the process imports can be told things: {@link Baton.tell}. */
  readonly channel?: boolean
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

/** `baton serve` as it was built, in a process and a home of its own. */
export class Baton {
  readonly #child: ChildProcess
  readonly #home: string
  readonly ended: Promise<Ended>
  readonly url: string
  #output = ''
  #running = true

  private constructor(child: ChildProcess, home: string, port: number) {
    this.#child = child
    this.#home = home
    this.url = `http://127.0.0.1:${port}`
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
    this.ended = once(child, 'close').then(([status, signal]: Ended[keyof Ended][]) => {
      this.#running = false
      return { status, signal } as Ended
    })
  }

  /** Starts it and returns at once; nothing answers yet. */
  static async spawn(options: BatonOptions): Promise<Baton> {
    const port = options.port ?? (await freePort())
    const home = await temporaryFolder('home')
    const args = [options.main ?? MAIN, 'serve', '--port', String(port), ...(options.flags ?? [])]
    const env = { ...bareEnvironment(home), ...options.env }
    const stdio = [
      'ignore',
      'pipe',
      'pipe',
      ...(options.channel ? (['ipc'] as const) : []),
    ] as const
    const child = spawn(process.execPath, args, { env, cwd: home, stdio: [...stdio] })
    return new Baton(child, home, port)
  }

  /** Starts it and waits until it is ready. */
  static async start(options: BatonOptions): Promise<Baton> {
    const baton = await Baton.spawn(options)
    try {
      await baton.ready()
    } catch (error) {
      await baton.remove()
      throw new Error(`not ready: ${String(error)}\n${baton.output}`, { cause: error })
    }
    return baton
  }

  /** Everything it wrote so far, to either stream. */
  get output(): string {
    return this.#output
  }

  async ready(ms = 60_000): Promise<void> {
    await eventually(
      'readiness',
      async () => {
        if (!this.#running) throw new Error('it ended')
        return (await fetch(`${this.url}/readyz`)).ok || undefined
      },
      ms,
    )
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('expected a process that was started')
    return pid
  }

  /** Resident memory in bytes, as Linux counts it. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }

  /**
   * Resident memory less V8's heap and the buffers that it holds: both grow with the garbage of requests until the next
   * full collection, whatever models do. What models take is in neither.
   */
  async residentBytesBesideHeap(): Promise<number> {
    const heap = await this.metric('nodejs_heap_size_total_bytes')
    const buffers = await this.metric('nodejs_external_memory_bytes')
    return (await this.residentBytes()) - Number(heap) - Number(buffers)
  }

  /** Resolves once no version of a model is left beside the one that serves: a worker that drains still has its memory. */
  async hasOneVersion(model: string): Promise<void> {
    await eventually('the old version to close', async () => {
      const { versions } = (await this.json(`/models/${model}`)) as { readonly versions: unknown[] }
      return versions.length === 1 ? versions : undefined
    })
  }

  async json(route: string, init?: RequestInit): Promise<unknown> {
    return (await fetch(`${this.url}${route}`, init)).json()
  }

  /** Asks for predictions as a client of the scoring protocol would; of the first model, if none is named. */
  async predict(body: unknown, model?: string): Promise<Prediction> {
    const route = model === undefined ? '/invocations' : `/models/${model}/invocations`
    const response = await fetch(`${this.url}${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, version: response.headers.get('x-model-version'), text }
  }

  /** Value of the first series of a metric whose labels hold these; undefined where there is none. */
  async metric(name: string, ...labels: readonly string[]): Promise<number | undefined> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    const line = text
      .split('\n')
      .find(
        (l) =>
          /[{ ]/.exec(l)?.index === name.length &&
          l.startsWith(name) &&
          labels.every((label) => l.includes(label)),
      )
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1))
  }

  /** Message of the newest log line that has this text in it; undefined where there is none. */
  logged(text: string): string | undefined {
    const line = this.#output.split('\n').findLast((candidate) => candidate.includes(text))
    if (line === undefined) return undefined
    return line.startsWith('{') ? String((JSON.parse(line) as { msg?: unknown }).msg) : line
  }

  get running(): boolean {
    return this.#running
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  tell(message: string): void {
    this.#child.send(message)
  }

  /** SIGTERM, then how it ended. */
  async stop(): Promise<Ended> {
    if (this.#running) this.#child.kill('SIGTERM')
    return this.ended
  }

  /** Ends it in any case and removes its home. */
  async remove(): Promise<void> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 20_000)
    await this.stop()
    clearTimeout(late)
    await rm(this.#home, { recursive: true, force: true })
  }
}

export interface Prediction {
  readonly status: number
  readonly version: string | null
  readonly text: string
}

export interface CommandResult {
  readonly status: number | null
  readonly output: string
}

/** Runs `baton` with these arguments to its end, within half a minute. */
export async function runBaton(
  args: readonly string[],
  env: Environment = {},
): Promise<CommandResult> {
  const home = await temporaryFolder('home')
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...bareEnvironment(home), ...env },
    cwd: home,
    timeout: 30_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  await rm(home, { recursive: true, force: true })
  return { status, output }
}
