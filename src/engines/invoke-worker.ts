import { wrapperOf } from '../codec/mlflow/invocation.ts'
import { createScoringCodec, type ScoringCodec } from '../codec/mlflow/scoring.ts'
import type { InvocationAnswer } from '../interfaces.ts'
import { type HostedModel, hosted } from './hosted-models.ts'
import { ownedBuffers } from './transfer-list.ts'
import type { InvokeRequest } from './worker-messages.ts'
import { handOver, type Posted, replyOf } from './worker-reply.ts'

const codecs = new WeakMap<HostedModel, ScoringCodec>()

/**
 * The task function that reads a request, runs it and writes its answer. In a file of its own, because most threads
 * never need the codec: 3 MB a thread, and twice the time to import that ONNX Runtime takes.
 */
export function invoke(request: InvokeRequest): Promise<Posted> {
  return replyOf(async () => {
    const answer = await answerOf(request)
    return handOver({ answer }, ownedBuffers(answer.body))
  })
}

/** What {@link invoke} replies, before it crosses to another thread. */
export async function answerOf(request: InvokeRequest): Promise<InvocationAnswer> {
  const { model: key, media, body } = request
  const host = hosted(key)
  const codec = codecOf(host)
  const startedAt = performance.now()
  const { feeds, answer } = await codec.decode(media, body)
  const readAt = performance.now()
  const outputs = await host.model.run(feeds)
  const ranAt = performance.now()
  const text = codec.encode(answer, outputs)
  return {
    body: typeof text === 'string' ? new TextEncoder().encode(text) : text,
    parseMs: readAt - startedAt,
    runMs: ranAt - readAt,
    encodeMs: performance.now() - ranAt,
  }
}

function codecOf(host: HostedModel): ScoringCodec {
  const made = codecs.get(host)
  if (made !== undefined) return made
  const { manifest, codec: options } = host.request
  const { inputs, outputs } = host.model
  const { signature, flavor } = manifest
  const contract = { signature, inputs, outputs, wrapper: wrapperOf(flavor) }
  const codec = createScoringCodec(contract, options)
  codecs.set(host, codec)
  return codec
}
