import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { command, freePort } from '../../interop/support/backends.ts'
import { eventually } from '../../interop/support/eventually.ts'

const VERSION = 'v2.5.0'
const PACKAGE = `github.com/Shopify/toxiproxy/v2/cmd/server@${VERSION}`

/** Builds toxiproxy with Go where it was not built before; resolves to the program. */
async function installed(): Promise<string> {
  const folder = path.join(tmpdir(), `baton-toxiproxy-${VERSION}`)
  const program = path.join(folder, 'server')
  if (existsSync(program)) return program
  await mkdir(folder, { recursive: true })
  await command('go', ['install', PACKAGE], { env: { ...process.env, GOBIN: folder } })
  return program
}

/** A running toxiproxy. */
export class Toxiproxy {
  readonly #child: ChildProcess
  readonly url: string

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  static async start(): Promise<Toxiproxy> {
    const program = await installed()
    const port = await freePort()
    const args = ['-host', '127.0.0.1', '-port', String(port)]
    const toxiproxy = new Toxiproxy(
      spawn(program, args, { stdio: 'ignore' }),
      `http://127.0.0.1:${port}`,
    )
    const answers = async () => (await fetch(`${toxiproxy.url}/version`)).ok || undefined
    await eventually('toxiproxy to answer', answers, 10_000)
    return toxiproxy
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'close')
  }
}

/** What toxiproxy does to the bytes that come from the server. */
export type Toxic =
  | { readonly type: 'latency'; readonly attributes: { readonly latency: number } }
  /** KiB a second. */
  | { readonly type: 'bandwidth'; readonly attributes: { readonly rate: number } }
  /** Nothing comes through; the connection stays for ever with 0. */
  | { readonly type: 'timeout'; readonly attributes: { readonly timeout: number } }
  | { readonly type: 'reset_peer'; readonly attributes: { readonly timeout: number } }
  /** Closes after so many bytes. */
  | { readonly type: 'limit_data'; readonly attributes: { readonly bytes: number } }

/** The way from a client to a server, which can be disturbed. */
export class Link {
  readonly #api: string
  readonly url: string

  private constructor(api: string, url: string) {
    this.#api = api
    this.url = url
  }

  /** @param toxiproxyUrl where its own API answers. */
  static async open(toxiproxyUrl: string, upstreamPort: number): Promise<Link> {
    const port = await freePort()
    const name = `link-${port}`
    const listen = `127.0.0.1:${port}`
    await post(`${toxiproxyUrl}/proxies`, { name, listen, upstream: `127.0.0.1:${upstreamPort}` })
    return new Link(`${toxiproxyUrl}/proxies/${name}`, `http://${listen}`)
  }

  /** Cuts every connection and refuses new ones. */
  cut(): Promise<void> {
    return post(this.#api, { enabled: false })
  }

  async disturb(toxic: Toxic): Promise<void> {
    await post(`${this.#api}/toxics`, { name: toxic.type, stream: 'downstream', ...toxic })
  }

  /** Takes every disturbance away. */
  async mend(): Promise<void> {
    const toxics = (await (await fetch(`${this.#api}/toxics`)).json()) as { name: string }[]
    for (const { name } of toxics) await fetch(`${this.#api}/toxics/${name}`, { method: 'DELETE' })
    await post(this.#api, { enabled: true })
  }

  async close(): Promise<void> {
    await fetch(this.#api, { method: 'DELETE' })
  }
}

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`toxiproxy: ${response.status} ${await response.text()}`)
}
