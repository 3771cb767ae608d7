import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { bareEnvironment } from '../support/backends.ts'
import type { ModelSpec } from './model-spec.ts'

const SCRIPT = path.join(import.meta.dirname, 'reference_server.py')

/** MLflow's scoring servers of many models, in one Python process that also saved them. */
export class Reference {
  readonly #child: ChildProcess
  readonly url: string

  private constructor(child: ChildProcess, port: string) {
    this.#child = child
    this.url = `http://127.0.0.1:${port}`
  }

  /** Saves the models below `registry`, a folder registry, and serves them. */
  static async start(
    python: string,
    models: readonly ModelSpec[],
    folder: string,
    registry: string,
  ): Promise<Reference> {
    const list = path.join(folder, 'models.json')
    await writeFile(list, JSON.stringify(models))
    const env = { ...bareEnvironment(folder), MLFLOW_DISABLE_TELEMETRY: 'true' }
    const child = spawn(python, [SCRIPT, list, registry], { env, cwd: folder })
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000)
    })
    for await (const line of createInterface(child.stdout)) {
      const port = /^port (\d+)$/.exec(line)?.[1]
      if (port !== undefined) return new Reference(child, port)
    }
    throw new Error(`the reference server ended before it listened:\n${log}`)
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end()
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
    clearTimeout(late)
  }
}
