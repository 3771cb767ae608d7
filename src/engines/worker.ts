import type { MessagePort } from 'node:worker_threads'
import { hosted, unhost } from './hosted-models.ts'
import { transferList } from './transfer-list.ts'
import { fromWire, toWire } from './wire-tensors.ts'
import type { AttachRequest, RunRequest, UnloadRequest, WorkerReply } from './worker-messages.ts'
import { failureOf, type Posted, replyOf } from './worker-reply.ts'

/**
 * The task function that every worker thread starts with: takes over the port for runs, and unloads. Requests never
 * overlap: whoever posts them sees to it. What is large to import has a task function in a file of its own, which a
 * thread loads with the first request for it: each engine, and the codec. (Not `import()`: from source on Node 20, tsx
 * does not see it in a worker.)
 */
export default function answer(request: AttachRequest | UnloadRequest): Promise<Posted> {
  return replyOf(async () => {
    if (request.kind === 'attach') return { answer: answerRuns(request.port) }
    return { answer: await unhost(request.model) }
  })
}

function answerRuns(port: MessagePort): undefined {
  // One after the other, also where a run waits for something.
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: RunRequest) => {
    last = last.then(() => run(port, request))
  })
}

async function run(port: MessagePort, { model, feeds }: RunRequest): Promise<void> {
  let reply: WorkerReply
  let buffers: ArrayBuffer[] = []
  try {
    const outputs = await hosted(model).model.run(fromWire(feeds))
    reply = { answer: toWire(outputs) }
    buffers = transferList(outputs)
  } catch (error) {
    reply = { failure: failureOf(error) }
  }
  port.postMessage(reply, buffers)
}
