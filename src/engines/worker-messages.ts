import type { MessagePort } from 'node:worker_threads'
import type { MediaType } from '../codec/mlflow/content-type.ts'
import type { CodecOptions } from '../codec/mlflow/invocation.ts'
import type { ErrorCode } from '../errors.ts'
import type { EngineOptions, InvocationAnswer, LoadedModelInfo } from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import type { WireTensors } from './wire-tensors.ts'

/** Names a model inside a worker: unique in the process, never used again. */
export type ModelKey = number

/** Open the files of `folder`. */
export interface LoadRequest {
  readonly kind: 'load'
  readonly model: ModelKey
  readonly folder: string
  readonly manifest: ModelManifest
  readonly engine: EngineOptions
  readonly codec: CodecOptions
}

/** Run one batch. Answered by the outputs. */
export interface RunRequest {
  readonly kind: 'run'
  readonly model: ModelKey
  readonly feeds: WireTensors
}

/** Read a request, run it alone and write its answer. */
export interface InvokeRequest {
  readonly kind: 'invoke'
  readonly model: ModelKey
  readonly media: MediaType
  readonly body: Uint8Array
}

/** Give a model's memory back. */
export interface UnloadRequest {
  readonly kind: 'unload'
  readonly model: ModelKey
}

/** Take over a port, over which run requests come from now on and their replies go, in order. */
export interface AttachRequest {
  readonly kind: 'attach'
  readonly port: MessagePort
}

/** What the main thread posts to a worker. One worker answers one request at a time, in order. */
export type WorkerRequest = LoadRequest | RunRequest | InvokeRequest | UnloadRequest

/** What each kind of request is answered with. */
export interface WorkerAnswers {
  readonly load: Omit<LoadedModelInfo, 'warmupMs'>
  readonly run: WireTensors
  readonly invoke: InvocationAnswer
  readonly unload: undefined
}

/** A ServingError on its way between threads: structured clone keeps neither its class nor its fields. */
export interface WorkerFailure {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

export type WorkerReply<Kind extends WorkerRequest['kind'] = WorkerRequest['kind']> =
  | { readonly answer: WorkerAnswers[Kind] }
  | { readonly failure: WorkerFailure }
