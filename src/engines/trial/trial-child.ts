/**
 * The process of a trial: an engine, and nothing else of the server. It answers one request after the other, and
 * ends with its parent.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Engine } from '../../interfaces.ts'
import type { EngineFlavor } from '../../model/flavor.ts'
import { host, hosted } from '../hosted-models.ts'
import { fromWire, toWire } from '../wire-tensors.ts'
import type { WorkerReply } from '../worker-messages.ts'
import { replyOf } from '../worker-reply.ts'
import type { TrialKind, TrialQuestion, TrialReply, TrialRequest } from './trial-messages.ts'

/** Ends a process whose model hangs in native code when the parent is gone: the main thread would not hear of it. */
const WATCH = `
const parent = process.ppid
setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1000)
`

offerToOomKiller()
const watch = new Worker(WATCH, { eval: true, execArgv: [] })
watch.unref()

let memoryBefore = 0
// It does not start while native code holds the main thread.
let last: Promise<unknown> = once(watch, 'online')

// They go to the whole group of a terminal: the parent decides when a trial ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', (question: TrialQuestion) => {
  last = last.then(() => answer(question))
})

async function answer({ id, request }: TrialQuestion): Promise<void> {
  const started = performance.now()
  const reply = (await replyOf(() => perform(request))) as WorkerReply<TrialKind>
  const engineMs = performance.now() - started
  const memoryNow = process.memoryUsage.rss()
  const { user, system } = process.cpuUsage()
  const cpuMs = (user + system) / 1000
  process.send?.({ id, reply, engineMs, cpuMs, memoryBefore, memoryNow } satisfies TrialReply)
}

async function perform(request: TrialRequest): Promise<WorkerReply<TrialKind>> {
  switch (request.kind) {
    case 'load': {
      const engine = await engineOf(request.manifest.flavor.engine)
      memoryBefore = process.memoryUsage.rss()
      return { answer: await host(request, engine) }
    }
    case 'run':
      return { answer: toWire(await hosted(request.model).model.run(fromWire(request.feeds))) }
    case 'invoke': {
      const { answerOf } = await import('../invoke-worker.ts')
      return { answer: await answerOf(request) }
    }
  }
}

async function engineOf(name: EngineFlavor['engine']): Promise<Engine> {
  if (name === 'onnx') return (await import('../onnx-engine.ts')).onnxEngine
  const { giveProcess } = await import('../tfjs/backends.ts')
  giveProcess()
  return (await import('../tfjs/tfjs-engine.ts')).tfjsEngine
}

/** Where memory runs out all the same, the kernel ends this process before the one that serves. */
function offerToOomKiller(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // Linux alone has it.
  }
}
