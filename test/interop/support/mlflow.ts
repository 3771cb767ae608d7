import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import {
  Backend,
  backendScript,
  bareEnvironment,
  command,
  type Environment,
  freePort,
} from './backends.ts'
import { eventually } from './eventually.ts'
import { MlflowApi } from './mlflow-api.ts'

const REGISTER_TFJS = path.join(import.meta.dirname, 'register_tfjs.py')
const REGISTER_MORE = path.join(import.meta.dirname, 'register_more.py')

/** A real MLflow server, with the environment that its clients need. */
export class MlflowServer {
  readonly #backend: Backend
  /** What else its clients need, such as S3 credentials. */
  readonly #more: Environment

  private constructor(backend: Backend, more: Environment) {
    this.#backend = backend
    this.#more = more
  }

  /** Words as the script has them: where registry and artifacts lie, and how they are reached. */
  static async start(words: readonly string[], s3: Environment = {}): Promise<MlflowServer> {
    return new MlflowServer(await Backend.start('mlflow.sh', { words, env: s3 }), s3)
  }

  get url(): string {
    return this.#backend.url
  }

  /** What the environment of a client of MLflow holds: the server, and the user where it asks for one. */
  get clientEnv(): Environment {
    const { MLFLOW_PYTHON: _, MLFLOW_DISABLE_TELEMETRY: __, ...client } = this.#backend.env
    return client
  }

  startAgain(): Promise<void> {
    return this.#backend.startAgain()
  }

  stop(): Promise<void> {
    return this.#backend.stop()
  }

  remove(): Promise<void> {
    return this.#backend.remove()
  }

  /** Registers the next version of the affine model; its seed is its number. */
  async register(name: string): Promise<string> {
    return this.#python([backendScript('register.py'), 'register', name])
  }

  /** As {@link register}, in the format of TensorFlow.js, by the helper that is shipped. */
  async registerTfjs(name: string, seed: number): Promise<string> {
    return this.#python([REGISTER_TFJS, name, String(seed)])
  }

  /**
   * Registers folders that a flavor of MLflow wrote, or that are broken on purpose, by name; several of one name are
   * its versions, in their order.
   */
  async registerFolders(
    folders: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<void> {
    const pairs = Object.entries(folders).flatMap(([name, versions]) =>
      [versions].flat().map((folder) => `${name}=${folder}`),
    )
    await this.#python([REGISTER_MORE, 'folders', ...pairs])
  }

  /** Registers this many versions of the affine model, each of so many MiB; 0 makes the smallest. */
  async registerSized(name: string, versions: number, mebibytes: number): Promise<void> {
    await this.#python([REGISTER_MORE, 'sized', name, String(versions), String(mebibytes)])
  }

  /** Registers a model that only Python can run. */
  async registerSklearn(name: string): Promise<void> {
    await this.#python([REGISTER_MORE, 'sklearn', name])
  }

  /** Registers a version whose files are said to be somewhere. */
  async registerSource(name: string, source: string): Promise<void> {
    await this.#api.post('registered-models/create', { name })
    await this.#api.post('model-versions/create', { name, source })
  }

  async setAlias(name: string, alias: string, version: string): Promise<void> {
    await this.#api.setAlias(name, alias, version)
  }

  tagsOf(name: string, version: string): Promise<Readonly<Record<string, string>>> {
    return this.#api.tagsOf(name, version)
  }

  async createWebhook(url: string, secret: string): Promise<void> {
    const events = [{ entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' }]
    await this.#api.post('webhooks', { name: 'baton', url, secret, events })
  }

  /** Starts the real `mlflow models serve` on this model. */
  async serve(uri: string): Promise<MlflowScoring> {
    const port = await freePort()
    const args = ['-m', 'mlflow', 'models', 'serve', '-m', uri, '--env-manager', 'local']
    const child = spawn(this.#interpreter, [...args, '-h', '127.0.0.1', '-p', String(port)], {
      env: this.#pythonEnv,
      // A group of its own: the server is a child of this child.
      detached: true,
    })
    const scoring = new MlflowScoring(child, `http://127.0.0.1:${port}`)
    await scoring.ready()
    return scoring
  }

  /** Runs a script with MLflow in it, and gives the last line that it printed. */
  async #python(args: readonly string[]): Promise<string> {
    const printed = await command(this.#interpreter, args, { env: this.#pythonEnv })
    return printed.split('\n').at(-1) ?? ''
  }

  get #interpreter(): string {
    const python = this.#backend.env.MLFLOW_PYTHON
    if (python === undefined) throw new Error('expected MLFLOW_PYTHON of the started server')
    return python
  }

  get #pythonEnv(): NodeJS.ProcessEnv {
    const bare = bareEnvironment(process.env.HOME ?? '/tmp')
    const PATH = `${path.dirname(this.#interpreter)}:${bare.PATH}`
    return { ...bare, ...this.#more, ...this.#backend.env, PATH }
  }

  get #api(): MlflowApi {
    return new MlflowApi(this.url, this.clientEnv)
  }
}

/** A running `mlflow models serve`. */
class MlflowScoring {
  readonly #child: ChildProcess
  readonly #url: string
  #log = ''

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.#url = url
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    child.stdout?.resume()
  }

  async ready(): Promise<void> {
    const ping = async () => (await fetch(`${this.#url}/ping`)).ok || undefined
    await eventually('mlflow models serve to answer', ping, 90_000).catch(async (error: Error) => {
      await this.remove()
      throw new Error(`${error.message}\n${this.#log}`, { cause: error })
    })
  }

  async predict(body: unknown): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.#url}/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, text: await response.text() }
  }

  async remove(): Promise<void> {
    const { pid } = this.#child
    if (pid === undefined || this.#child.exitCode !== null) return
    process.kill(-pid, 'SIGTERM')
    await once(this.#child, 'close')
  }
}
