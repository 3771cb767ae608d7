import { type Context, Hono } from 'hono'
import { TestServer } from '../mlflow/test-server.ts'

interface FakeVersion {
  readonly createdAt: number
  status: string
  stage: string
  uri: string
  readonly tags: Record<string, string>
}

interface FakeModel {
  readonly createdAt: number
  updatedAt: number
  readonly versions: Map<string, FakeVersion>
  readonly aliases: Map<string, string>
}

interface FakeLoggedModel {
  readonly name: string
  readonly runId: string
  readonly uri: string
  readonly status: string
}

const API = '/api/2.0/mlflow'
type Query = Readonly<Record<string, string>>

/**
 * Answers as MLflow 3.18 does over its SQL store, for the calls that a reader and an alias mover make: statuses,
 * error texts, what is left out of an answer, and which change moves which timestamp were compared with it.
 */
export class FakeMlflow {
  readonly app = new Hono()
  /** Method and path below the API's prefix of each request, in order. */
  readonly calls: string[] = []
  /** Answers instead of the registry while set. */
  override: ((c: Context, call: string) => Response | Promise<Response> | undefined) | undefined
  readonly runs = new Map<string, { readonly experimentId: string; readonly uri: string }>()
  readonly loggedModels = new Map<string, FakeLoggedModel>()
  /** Whether the server knows logged models: not before 3.0. */
  hasLoggedModels = true
  readonly #models = new Map<string, FakeModel>()
  #now = 1_700_000_000_000

  constructor() {
    this.app.use(`${API}/*`, async (c, next) => {
      const call = `${c.req.method} ${c.req.path.slice(API.length)}`
      this.calls.push(call)
      return (await this.override?.(c, call)) ?? next()
    })
    const { app } = this
    app.get(`${API}/registered-models/get`, (c) => this.#getModel(c, c.req.query()))
    app.get(`${API}/model-versions/get`, (c) => this.#getVersion(c, c.req.query()))
    app.get(`${API}/model-versions/get-download-uri`, (c) => this.#getUri(c, c.req.query()))
    app.post(`${API}/registered-models/alias`, async (c) => this.#setAlias(c, await c.req.json()))
    app.delete(`${API}/registered-models/alias`, async (c) =>
      this.#deleteAlias(c, await c.req.json()),
    )
    app.post(`${API}/model-versions/set-tag`, async (c) => this.#setTag(c, await c.req.json()))
    app.get(`${API}/logged-models/:id`, (c) => this.#getLoggedModel(c, c.req.param('id')))
    app.post(`${API}/logged-models/search`, async (c) =>
      this.#searchLoggedModels(c, await c.req.json()),
    )
    app.get(`${API}/runs/get`, (c) => this.#getRun(c, c.req.query('run_id') ?? ''))
    app.notFound((c) => c.html('<!doctype html><title>404 Not Found</title>', 404))
  }

  start(): Promise<TestServer> {
    return TestServer.start(this.app)
  }

  /** Requests since the last call of this. */
  takeCalls(): string[] {
    return this.calls.splice(0)
  }

  createModel(name: string): void {
    const createdAt = this.#tick()
    const [versions, aliases] = [new Map<string, FakeVersion>(), new Map<string, string>()]
    this.#models.set(name, { createdAt, updatedAt: createdAt, versions, aliases })
  }

  deleteModel(name: string): void {
    this.#models.delete(name)
  }

  /** Numbers are never used again while the model lives. */
  addVersion(name: string, version: string, uri: string, status = 'READY', stage = 'None'): void {
    if (!this.#models.has(name)) this.createModel(name)
    const model = this.#model(name)
    model.updatedAt = this.#tick()
    model.versions.set(version, {
      createdAt: model.updatedAt,
      status,
      stage,
      uri,
      tags: {},
    })
  }

  setStatus(name: string, version: string, status: string): void {
    const found = this.#model(name).versions.get(version)
    if (found !== undefined) found.status = status
  }

  /** `dangling` leaves its aliases behind, as releases before 3.18 do. */
  deleteVersion(name: string, version: string, dangling = false): void {
    const model = this.#model(name)
    model.updatedAt = this.#tick()
    model.versions.delete(version)
    for (const [alias, target] of model.aliases) {
      if (target === version && !dangling) model.aliases.delete(alias)
    }
  }

  setAlias(name: string, alias: string, version: string): void {
    this.#model(name).aliases.set(alias, version)
  }

  aliasesOf(name: string): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#model(name).aliases)
  }

  tagsOf(name: string, version: string): Readonly<Record<string, string>> {
    return this.#model(name).versions.get(version)?.tags ?? {}
  }

  #tick(): number {
    this.#now += 1
    return this.#now
  }

  #model(name: string): FakeModel {
    const model = this.#models.get(name)
    if (model === undefined) throw new Error(`no model ${name} in the fake`)
    return model
  }

  #getModel(c: Context, { name = '' }: Query): Response {
    const model = this.#models.get(name)
    if (model === undefined) return missing(c, `Registered Model with name=${name} not found`)
    const latest = new Map<string, string>()
    for (const [version, { stage }] of model.versions) {
      if (Number(version) > Number(latest.get(stage) ?? 0)) latest.set(stage, version)
    }
    const versions = [...latest.values()].map((version) => this.#describe(name, version))
    const aliases = [...model.aliases].map(([alias, version]) => ({ alias, version }))
    return c.json({
      registered_model: {
        name,
        creation_timestamp: model.createdAt,
        last_updated_timestamp: model.updatedAt,
        ...(versions.length > 0 && { latest_versions: versions }),
        ...(aliases.length > 0 && { aliases }),
      },
    })
  }

  #describe(name: string, version: string) {
    const found = this.#models.get(name)?.versions.get(version)
    if (found === undefined) return undefined
    return {
      name,
      version,
      creation_timestamp: found.createdAt,
      last_updated_timestamp: found.createdAt,
      current_stage: found.stage,
      description: '',
      source: 'models:/m-where-it-came-from',
      run_id: '',
      status: found.status,
      run_link: '',
    }
  }

  #getVersion(c: Context, { name = '', version = '' }: Query): Response {
    const described = this.#describe(name, version)
    if (described === undefined) return missingVersion(c, name, version)
    return c.json({ model_version: described })
  }

  #getUri(c: Context, { name = '', version = '' }: Query): Response {
    const found = this.#models.get(name)?.versions.get(version)
    if (found === undefined) return missingVersion(c, name, version)
    return c.json({ artifact_uri: found.uri })
  }

  #setAlias(c: Context, { name = '', alias = '', version = '' }: Query): Response {
    const model = this.#models.get(name)
    if (model === undefined) return missing(c, `Registered Model with name=${name} not found`)
    if (!model.versions.has(version)) return missingVersion(c, name, version)
    model.aliases.set(alias, version)
    return c.json({})
  }

  /** Setting a tag moves no timestamp. */
  #setTag(c: Context, { name = '', version = '', key = '', value = '' }: Query): Response {
    const found = this.#models.get(name)?.versions.get(version)
    if (found === undefined) return missingVersion(c, name, version)
    found.tags[key] = value
    return c.json({})
  }

  #deleteAlias(c: Context, { name = '', alias = '' }: Query): Response {
    this.#models.get(name)?.aliases.delete(alias)
    return c.json({})
  }

  #getLoggedModel(c: Context, id: string): Response {
    const model = this.loggedModels.get(id)
    if (!this.hasLoggedModels) return c.notFound() as Response
    if (model === undefined) return missing(c, `Logged model with ID '${id}' not found.`)
    return c.json({ model: { info: loggedModelInfo(id, model), data: {} } })
  }

  #searchLoggedModels(c: Context, { filter = '' }: Query): Response {
    if (!this.hasLoggedModels) return c.notFound() as Response
    const [, name, runId] = /^name = '(.*)' AND source_run_id = '(.*)'$/.exec(filter) ?? []
    const models = [...this.loggedModels]
      .filter(([, model]) => model.name === name && model.runId === runId)
      .map(([id, model]) => ({ info: loggedModelInfo(id, model), data: {} }))
    return c.json(models.length > 0 ? { models } : {})
  }

  #getRun(c: Context, runId: string): Response {
    const run = this.runs.get(runId)
    if (run === undefined) return missing(c, `Run with id=${runId} not found`)
    return c.json({
      run: {
        info: { run_id: runId, experiment_id: run.experimentId, artifact_uri: run.uri },
        data: {},
        inputs: {},
        outputs: {},
      },
    })
  }
}

function loggedModelInfo(id: string, model: FakeLoggedModel) {
  return {
    model_id: id,
    experiment_id: '1',
    name: model.name,
    artifact_uri: model.uri,
    status: model.status,
    source_run_id: model.runId,
  }
}

function missing(c: Context, message: string): Response {
  const body = { error_code: 'RESOURCE_DOES_NOT_EXIST', message, sqlstate: 'KAM00' }
  return c.json({ ...body, error_class: 'RESOURCE_NOT_FOUND' }, 404)
}

function missingVersion(c: Context, name: string, version: string): Response {
  return missing(c, `Model Version (name=${name}, version=${version}) not found`)
}
