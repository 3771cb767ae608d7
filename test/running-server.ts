import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { parseConfigFile } from '../src/config/config-file.ts'
import { type ConfigSources, readConfig } from '../src/config/read-config.ts'
import { createLogger } from '../src/log.ts'
import { BatonServer } from '../src/server.ts'

const FIXTURES = fileURLToPath(new URL('./fixtures/models', import.meta.url))

/** A folder registry of its own, made of fixture models. */
export interface TestRegistry {
  readonly root: string
  setAliases(model: string, aliases: Readonly<Record<string, number>>): Promise<void>
  remove(): Promise<void>
}

/** `{ churn: ['affine-1', 'affine-2'] }` makes versions 1 and 2 of `churn`, with champion at 1. */
export async function createRegistry(
  models: Readonly<Record<string, readonly string[]>>,
): Promise<TestRegistry> {
  const root = await mkdtemp(join(tmpdir(), 'baton-registry-'))
  const setAliases = async (model: string, aliases: Readonly<Record<string, number>>) => {
    const lines = Object.entries(aliases).map(([alias, version]) => `${alias}: ${version}\n`)
    await writeFile(join(root, model, 'aliases.yaml'), lines.join(''))
  }
  for (const [model, fixtures] of Object.entries(models)) {
    for (const [index, fixture] of fixtures.entries()) {
      await cp(join(FIXTURES, fixture), join(root, model, String(index + 1)), { recursive: true })
    }
    await setAliases(model, { champion: 1 })
  }
  return { root, setAliases, remove: () => rm(root, { recursive: true, force: true }) }
}

/** A server in this process, on a free port, with the environment that is given and no other. */
export class RunningServer {
  readonly server: BatonServer
  readonly url: string

  private constructor(server: BatonServer, port: number) {
    this.server = server
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(
    env: ConfigSources['env'],
    { ready = true, yaml }: { readonly ready?: boolean; readonly yaml?: string } = {},
  ): Promise<RunningServer> {
    const file = yaml === undefined ? undefined : parseConfigFile('baton.yaml', yaml)
    const defaults = { BATON_PORT: '0', BATON_POLL_INTERVAL: '50ms' }
    const config = readConfig({ flags: {}, env: { ...defaults, ...env }, file })
    const server = new BatonServer(config, createLogger('silent'))
    const running = new RunningServer(server, await server.start())
    if (ready) await running.becomesReady()
    return running
  }

  async becomesReady(): Promise<void> {
    await vi.waitFor(
      async () => {
        const { status } = await fetch(`${this.url}/readyz`)
        if (status !== 200) throw new Error(`not ready: ${status}`)
      },
      { timeout: 15_000, interval: 20 },
    )
  }

  /** Posts a JSON body, which may be text that is no JSON. */
  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }

  /** The version that answers `/invocations` of a model made of the affine fixtures. */
  async answeringVersion(path = '/invocations'): Promise<string | null> {
    const response = await this.post(path, AFFINE_BODY)
    await response.arrayBuffer()
    return response.headers.get('x-model-version')
  }

  async models(): Promise<{ readonly models: readonly Record<string, unknown>[] }> {
    const response = await fetch(`${this.url}/models`)
    return (await response.json()) as { models: Record<string, unknown>[] }
  }
}

/** A request for the affine fixtures; version n answers `affineAnswer(n)`. */
export const AFFINE_BODY = { inputs: { x: [[0.0, 1.0, 2.0, 3.5]] } }
