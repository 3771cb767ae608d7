import { host, hosted, unhost } from './hosted-models.ts'
import { transferList } from './transfer-list.ts'
import { fromWire, toWire } from './wire-tensors.ts'
import type { RunRequest, TaskRequest } from './worker-messages.ts'
import { handOver, type Posted, replyOf } from './worker-reply.ts'

/**
 * The task function of a worker thread: loads, runs and unloads any number of models. Requests never overlap: the
 * pool posts one at a time. What this file imports is paid for by every thread.
 */
export default function answer(request: TaskRequest): Promise<Posted> {
  return replyOf(() => perform(request))
}

async function perform(request: TaskRequest): Promise<Posted> {
  switch (request.kind) {
    case 'run':
      return run(request)
    case 'load':
      return { answer: await host(request) }
    case 'unload':
      return { answer: await unhost(request.model) }
  }
}

async function run({ model, feeds }: RunRequest): Promise<Posted> {
  const outputs = await hosted(model).model.run(fromWire(feeds))
  return handOver({ answer: toWire(outputs) }, transferList(outputs))
}
