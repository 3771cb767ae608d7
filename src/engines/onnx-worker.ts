import { host } from './hosted-models.ts'
import { onnxEngine } from './onnx-engine.ts'
import type { LoadRequest } from './worker-messages.ts'
import { type Posted, replyOf } from './worker-reply.ts'

/** The task function of a thread that is started ahead of its first model: importing this file is all it takes. */
export function prepare(): void {}

/** The task function that loads a model of the flavor `onnx`. */
export function load(request: LoadRequest): Promise<Posted> {
  return replyOf(async () => ({ answer: await host(request, onnxEngine) }))
}
