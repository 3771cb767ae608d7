import { host } from './hosted-models.ts'
import { tfjsEngine } from './tfjs/tfjs-engine.ts'
import type { LoadRequest } from './worker-messages.ts'
import { type Posted, replyOf } from './worker-reply.ts'

/** The task function that loads a model of the flavor `tfjs`. */
export function load(request: LoadRequest): Promise<Posted> {
  return replyOf(async () => ({ answer: await host(request, tfjsEngine) }))
}
