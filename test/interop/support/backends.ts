import { type ExecFileOptions, execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '../../..')
const FOLDER = process.env.BATON_BACKENDS ?? path.resolve(ROOT, '../shared/backends')

export type Environment = Readonly<Record<string, string>>

/** The repository, where `dist`, the Dockerfile and the manifests lie. */
export const REPOSITORY = ROOT

/** Path of a script that installs, starts and stops real servers. */
export function backendScript(name: string): string {
  return path.join(FOLDER, name)
}

/** Why these scripts' servers cannot be had on this machine; undefined when they can. */
export function whyNotHere(...scripts: readonly string[]): string | undefined {
  const missing = scripts.filter((name) => !existsSync(backendScript(name)))
  if (missing.length === 0) return undefined
  return `no ${missing.join(', ')} in ${path.relative(ROOT, FOLDER)} (BATON_BACKENDS names the folder)`
}

/** Why it cannot be tested without root; undefined for root. */
export function whyNotAsUser(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'only root builds and runs images here'
}

/** What a child process needs to run at all; everything else is given by the test. */
export function bareEnvironment(home: string): Environment {
  return { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8' }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port')
  return address.port
}

export async function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(path.join(tmpdir(), `baton-interop-${name}-`))
}

/** Runs a command to its end. A failure carries the last lines that it wrote. */
export async function command(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  try {
    const { stdout } = await run(file, args, { maxBuffer: 64 * 2 ** 20, ...options })
    return String(stdout).trim()
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n')
    throw new Error(`${path.basename(file)} ${args.join(' ')} failed:\n${tail}`, { cause: error })
  }
}

interface BackendOptions {
  /** Ports besides the first. */
  readonly morePorts?: number
  /** Words after the ports, such as `postgres` or `direct`. */
  readonly words?: readonly string[]
  /** Settings of the script, such as another server's environment. */
  readonly env?: Environment
}

/** One real server: started by its script in a folder of its own, on a free port. */
export class Backend {
  readonly #script: string
  readonly #folder: string
  readonly #args: readonly string[]
  readonly #settings: Environment
  readonly port: number
  #env: Environment = {}

  private constructor(script: string, folder: string, ports: readonly number[], o: BackendOptions) {
    this.#script = backendScript(script)
    this.#folder = folder
    this.#args = [...ports.map(String), ...(o.words ?? [])]
    this.#settings = o.env ?? {}
    this.port = ports[0] ?? 0
  }

  /** Installs the server where it is missing, and starts it. */
  static async start(script: string, options: BackendOptions = {}): Promise<Backend> {
    const ports = [await freePort()]
    for (let more = options.morePorts ?? 0; more > 0; more--) ports.push(await freePort())
    const folder = await temporaryFolder(path.basename(script, '.sh'))
    const backend = new Backend(script, folder, ports, options)
    await backend.startAgain()
    return backend
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** What the server's clients have in their environment. */
  get env(): Environment {
    return this.#env
  }

  /** Starts a stopped server with the data and on the port that it had. */
  async startAgain(): Promise<void> {
    await this.#call('start', this.#folder, ...this.#args)
    this.#env = exportedVariables(await this.#call('env', this.#folder))
  }

  async stop(): Promise<void> {
    await this.#call('stop', this.#folder)
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #call(...args: readonly string[]): Promise<string> {
    return command(this.#script, args, { env: { ...process.env, ...this.#settings } })
  }
}

/** Reads lines of `export NAME=value`, the value quoted as by bash's `printf %q`. */
function exportedVariables(text: string): Environment {
  const variables: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(/^export (\w+)=(.*)$/gm)) {
    variables[name] = value.replaceAll(/\\(.)/g, '$1')
  }
  return variables
}
