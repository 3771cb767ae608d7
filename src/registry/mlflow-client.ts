import type { z } from 'zod'
import type { ServingError } from '../errors.ts'
import type { MlflowHttp, MlflowReply, MlflowRequest } from '../mlflow/http.ts'
import type {
  MlflowLoggedModel,
  MlflowModelVersion,
  MlflowRegisteredModel,
  MlflowRun,
} from './mlflow-replies.ts'

const API = '/api/2.0/mlflow'

type Schemas = typeof import('./mlflow-replies.ts')
type Reply<K extends keyof Schemas> = z.infer<Schemas[K]>

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
    const reply = await this.#find('/registered-models/get', request, 'registeredModelReply')
    return reply?.registered_model
  }

  async modelVersion(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<MlflowModelVersion | undefined> {
    const request = { query: { name, version }, signal }
    const reply = await this.#find('/model-versions/get', request, 'modelVersionReply')
    return reply?.model_version
  }

  /** Where to download a version from: not its `source`, which may be elsewhere. */
  async downloadUri(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const request = { query: { name, version }, signal }
    const reply = await this.#find('/model-versions/get-download-uri', request, 'downloadUriReply')
    return reply?.artifact_uri
  }

  async loggedModel(modelId: string, signal: AbortSignal): Promise<MlflowLoggedModel | undefined> {
    const path = `/logged-models/${encodeURIComponent(modelId)}`
    const reply = await this.#find(path, { signal }, 'loggedModelReply')
    return reply?.model.info
  }

  async run(runId: string, signal: AbortSignal): Promise<MlflowRun | undefined> {
    const reply = await this.#find('/runs/get', { query: { run_id: runId }, signal }, 'runReply')
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
    return (await this.#read(reply, call, 'loggedModelsReply'))?.models[0]?.info
  }

  async setAlias(
    name: string,
    alias: string,
    version: string,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change('POST', '/registered-models/alias', { name, alias, version }, signal)
  }

  /** Deleting an alias that is not there is no failure. */
  async deleteAlias(name: string, alias: string, signal: AbortSignal): Promise<Change> {
    return this.#change('DELETE', '/registered-models/alias', { name, alias }, signal)
  }

  async setVersionTag(
    name: string,
    version: string,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Change> {
    return this.#change('POST', '/model-versions/set-tag', { name, version, key, value }, signal)
  }

  async #change(
    method: 'POST' | 'DELETE',
    call: string,
    body: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Change> {
    const reply = await this.#http.json(API + call, { method, body, signal })
    if (!reply.ok && reply.errorCode !== 'ENDPOINT_NOT_FOUND') {
      return { done: false, why: reply.message }
    }
    await this.#read(reply, call, 'emptyReply')
    return { done: true }
  }

  async #find<K extends keyof Schemas>(
    call: string,
    request: MlflowRequest,
    schema: K,
  ): Promise<Reply<K> | undefined> {
    return this.#read(await this.#http.json(API + call, request), call, schema)
  }

  async #read<K extends keyof Schemas>(
    reply: MlflowReply,
    call: string,
    schema: K,
  ): Promise<Reply<K> | undefined> {
    if (!reply.ok) {
      if (reply.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined
      throw this.#unexpected(reply, call)
    }
    // Imported with the first reply: zod takes 50 ms, which a folder registry need not pay.
    const schemas = await import('./mlflow-replies.ts')
    const parsed = schemas[schema].safeParse(reply.body)
    if (!parsed.success) throw this.#unexpected(reply, call)
    return parsed.data as Reply<K>
  }

  #unexpected(reply: MlflowReply, call: string): ServingError {
    return this.#http.unexpected(reply, call)
  }
}

/** A string of MLflow's search language, which has two kinds of quotes and no escapes. */
function quoted(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`
}
