import { z } from 'zod'

// Replies of MLflow's REST API (mlflow/protos/model_registry.proto, service.proto), as far as they are read.

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

export const registeredModelReply = z.object({ registered_model: registeredModelSchema })
export const modelVersionReply = z.object({ model_version: modelVersionSchema })
export const downloadUriReply = z.object({ artifact_uri: z.string() })
export const loggedModelReply = z.object({ model: loggedModelSchema })
export const loggedModelsReply = z.object({ models: z.array(loggedModelSchema).default([]) })
export const runReply = z.object({ run: runSchema })
export const emptyReply = z.object({})
