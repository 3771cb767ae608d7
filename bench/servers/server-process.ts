import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Pinning } from '../machine.ts'

/** What to start: a script of `bench/servers` or Baton's own command. */
export interface ServerCommand {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Linux counts CPU time in ticks of 10 ms. */
const TICK_MS = 10
const READY_POLL_MS = 5

/** A server under test, in a process of its own. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess
  #output = ''

  private constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
    child.stderr?.on('data', (chunk) => {
      this.#output = (this.#output + chunk).slice(-2000)
    })
  }

  /** Starts it; `{port}` in the arguments becomes a free port. Not ready yet: see {@link ready}. */
  static async start(command: ServerCommand, pinning: Pinning): Promise<ServerProcess> {
    const port = await freePort()
    const args = command.args.map((arg) => arg.replace('{port}', String(port)))
    const [program = '', ...rest] = [...pinning.server, process.execPath, ...args]
    const env = { ...process.env, ...command.env }
    const child = spawn(program, rest, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    return new ServerProcess(port, child)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Waits for the first 200 to a real request; returns its body. */
  async ready(path: string, body: string, timeoutMs = 60_000): Promise<string> {
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline && this.#child.exitCode === null) {
      const answer = await this.post(path, body).catch(() => undefined)
      if (answer?.status === 200) return answer.text
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
    }
    throw new Error(`a server did not answer ${path}: ${this.#output}`)
  }

  async post(path: string, body: string): Promise<{ status: number; text: string }> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(this.url + path, { method: 'POST', headers, body })
    return { status: response.status, text: await response.text() }
  }

  /** The sum of a metric of Baton's over its series, or over those whose labels hold a text. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    const series = text.split('\n').filter((line) => /^\w+/.exec(line)?.[0] === name)
    const chosen = series.filter((line) => line.includes(label))
    return chosen.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  /** Milliseconds of user and system time so far, of all threads. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  /** Proportional set size: its own memory and its share of what it shares, in MB of 10^6 bytes. */
  pssMb(): number {
    const rollup = readFileSync(`/proc/${this.#child.pid}/smaps_rollup`, 'utf8')
    return (Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024) / 1e6
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
