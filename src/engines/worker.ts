import { hosted, unhost } from './hosted-models.ts'
import { transferList } from './transfer-list.ts'
import { fromWire, toWire } from './wire-tensors.ts'
import type { RunRequest, UnloadRequest } from './worker-messages.ts'
import { handOver, type Posted, replyOf } from './worker-reply.ts'

/**
 * The task function that every worker thread starts with: runs and unloads. Requests never overlap: the pool posts
 * one at a time. What is large to import has a task function in a file of its own, which a thread loads with the first
 * request for it: each engine, and the codec. (Not `import()`: from source on Node 20, tsx does not see it in a worker.)
 */
export default function answer(request: RunRequest | UnloadRequest): Promise<Posted> {
  return replyOf(async () =>
    request.kind === 'run' ? run(request) : { answer: await unhost(request.model) },
  )
}

async function run({ model, feeds }: RunRequest): Promise<Posted> {
  const outputs = await hosted(model).model.run(fromWire(feeds))
  return handOver({ answer: toWire(outputs) }, transferList(outputs))
}
