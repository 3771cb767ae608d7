import { z } from 'zod'
import type { ServingError } from '../errors.ts'
import type { MlflowHttp, MlflowReply, MlflowRequest } from '../mlflow/http.ts'

const API = '/api/2.0/mlflow'

/** int64 values are JSON numbers in some releases and strings in others. */
const stamp = z.union([z.string(), z.number()]).transform(String).default('')

const modelVersionSchema = z.object({
  version: z.string(),
  status: z.string().default('READY'),
  status_message: z.string().default(''),
  current_stage: z.string().default('None'),
  creation_timestamp: stamp,
})
/** One version as the registry describes it. */
export type MlflowModelVersion = z.infer<typeof modelVersionSchema>

const registeredModelSchema = z.object({
  creation_timestamp: stamp,
  /** Moves when a version is made, deleted or changes stage; not when an alias moves. */
  last_updated_timestamp: stamp,
  /** Newest version of each stage. */
  latest_versions: z.array(modelVersionSchema).default([]),
  aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]),
})
export type MlflowRegisteredModel = z.infer<typeof registeredModelSchema>

const loggedModelSchema = z.object({
  info: z.object({
    model_id: z.string(),
    artifact_uri: z.string(),
    status: z.string().default('LOGGED_MODEL_READY'),
  }),
})
export type MlflowLoggedModel = z.infer<typeof loggedModelSchema>['info']

const runSchema = z.object({
  info: z.object({ experiment_id: z.string(), artifact_uri: z.string() }),
})
export type MlflowRun = z.infer<typeof runSchema>['info']

const registeredModelReply = z.object({ registered_model: registeredModelSchema })
const modelVersionReply = z.object({ model_version: modelVersionSchema })
const downloadUriReply = z.object({ artifact_uri: z.string() })
const loggedModelReply = z.object({ model: loggedModelSchema })
const loggedModelsReply = z.object({ models: z.array(loggedModelSchema).default([]) })
const runReply = z.object({ run: runSchema })
const emptyReply = z.object({})

/** Result of a change: done, or the server's reason against it. */
export type Change = { readonly done: true } | { readonly done: false; readonly why: string }

/**
 * The calls of MLflow's REST API that a reader and an alias mover need (mlflow/protos/model_registry.proto,
 * service.proto). What does not exist is `undefined`; other failures are ServingErrors.
 */
export class MlflowClient {
  readonly location: string
  readonly #http: MlflowHttp

  constructor(http: MlflowHttp) {
    this.#http = http
    this.location = http.location
  }

  async registeredModel(
    name: string,
    signal: AbortSignal,
  ): Promise<MlflowRegisteredModel | undefined> {
    const request = { query: { name }, signal }
    const reply = await this.#find('/registered-models/get', request, registeredModelReply)
    return reply?.registered_model
  }

  async modelVersion(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<MlflowModelVersion | undefined> {
    const request = { query: { name, version }, signal }
    const reply = await this.#find('/model-versions/get', request, modelVersionReply)
    return reply?.model_version
  }

  /** Where to download a version from: not its `source`, which may be elsewhere. */
  async downloadUri(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const request = { query: { name, version }, signal }
    const reply = await this.#find('/model-versions/get-download-uri', request, downloadUriReply)
    return reply?.artifact_uri
  }

  async loggedModel(modelId: string, signal: AbortSignal): Promise<MlflowLoggedModel | undefined> {
    const path = `/logged-models/${encodeURIComponent(modelId)}`
    const reply = await this.#find(path, { signal }, loggedModelReply)
    return reply?.model.info
  }

  async run(runId: string, signal: AbortSignal): Promise<MlflowRun | undefined> {
    const reply = await this.#find('/runs/get', { query: { run_id: runId }, signal }, runReply)
    return reply?.run.info
  }

  /** The model that a run logged under a name; a server before 3.0 has none. */
  async loggedModelOfRun(
    runId: string,
    experimentId: string,
    name: string,
    signal: AbortSignal,
  ): Promise<MlflowLoggedModel | undefined> {
    const call = '/logged-models/search'
    const filter = `name = ${quoted(name)} AND source_run_id = ${quoted(runId)}`
    const body = { experiment_ids: [experimentId], filter, max_results: 1 }
    const reply = await this.#http.json(API + call, { method: 'POST', body, signal })
    if (!reply.ok && reply.errorCode === 'ENDPOINT_NOT_FOUND') return undefined
    return this.#read(reply, call, loggedModelsReply)?.models[0]?.info
  }

  async setAlias(
    name: string,
    alias: string,
    version: string,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change('POST', { name, alias, version }, signal)
  }

  /** Deleting an alias that is not there is no failure. */
  async deleteAlias(name: string, alias: string, signal: AbortSignal): Promise<Change> {
    return this.#change('DELETE', { name, alias }, signal)
  }

  async #change(
    method: 'POST' | 'DELETE',
    body: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Change> {
    const call = '/registered-models/alias'
    const reply = await this.#http.json(API + call, { method, body, signal })
    if (!reply.ok && reply.errorCode !== 'ENDPOINT_NOT_FOUND') {
      return { done: false, why: reply.message }
    }
    this.#read(reply, call, emptyReply)
    return { done: true }
  }

  async #find<T>(
    call: string,
    request: MlflowRequest,
    schema: z.ZodType<T>,
  ): Promise<T | undefined> {
    return this.#read(await this.#http.json(API + call, request), call, schema)
  }

  #read<T>(reply: MlflowReply, call: string, schema: z.ZodType<T>): T | undefined {
    if (!reply.ok) {
      if (reply.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined
      throw this.#unexpected(reply, call)
    }
    const parsed = schema.safeParse(reply.body)
    if (!parsed.success) throw this.#unexpected(reply, call)
    return parsed.data
  }

  #unexpected(reply: MlflowReply, call: string): ServingError {
    return this.#http.unexpected(reply, call)
  }
}

/** A string of MLflow's search language, which has two kinds of quotes and no escapes. */
function quoted(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`
}
