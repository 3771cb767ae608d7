import { createHmac, randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'

export interface EventWebhookParts {
  readonly url: string
  /** Signs every delivery; undefined leaves them unsigned. */
  readonly secret: string | undefined
  /** Of every delivery, such as `baton/1.0.0`. */
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: ServingMetrics
}

/** Events that wait at most: some minutes of the liveliest registry, a megabyte. */
const MAX_WAITING = 1000
const ATTEMPT_TIMEOUT_MS = 10_000
const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 60_000
/** An event that could not be delivered for so long is of no use any more. */
const GIVE_UP_MS = 3_600_000

interface Message {
  readonly id: string
  readonly body: string
  /** Monotonic milliseconds. */
  readonly at: number
}

type Outcome = 'sent' | 'refused' | 'later'

/**
 * Posts events to one URL, by Standard Webhooks (standardwebhooks.com): JSON with `type`, `timestamp` and `data`; headers
 * `webhook-id` (the same when it is sent again), `webhook-timestamp` (of this attempt) and `webhook-signature`. One at a
 * time, in order. What waits is bounded: the oldest gives way.
 */
export class EventWebhook {
  readonly #parts: EventWebhookParts
  readonly #key: Buffer | undefined
  readonly #waiting: Message[] = []
  #delivering: Promise<void> | undefined
  /** Ends the pause or the attempt under way. */
  #interrupt: () => void = () => {}
  #end: 'no' | 'flush' | 'now' = 'no'
  #trouble: string | undefined

  constructor(parts: EventWebhookParts) {
    this.#parts = parts
    this.#key = parts.secret === undefined ? undefined : keyOf(parts.secret)
  }

  /** Takes an event for delivery; never waits and never fails. */
  push(type: string, data: object): void {
    const { clock, metrics } = this.#parts
    if (this.#end === 'now') return
    const timestamp = new Date(clock.now()).toISOString()
    const body = JSON.stringify({ type, timestamp, data })
    this.#waiting.push({ id: `msg_${randomUUID()}`, body, at: clock.monotonic() })
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      metrics.eventDeliveries.inc({ result: 'dropped' })
    }
    this.#delivering ??= this.#deliverAll()
  }

  /** Tries once more what waits, in at most `timeoutMs`; what is left is counted as failed. Takes no more events. */
  async close(timeoutMs: number): Promise<void> {
    const { clock, log, metrics } = this.#parts
    this.#end = 'flush'
    this.#interrupt()
    const cancel = clock.after(timeoutMs, () => {
      this.#end = 'now'
      this.#interrupt()
    })
    await this.#delivering
    cancel()
    this.#end = 'now'
    const left = this.#waiting.splice(0).length
    if (left === 0) return
    metrics.eventDeliveries.inc({ result: 'failed' }, left)
    log.warn({ events: left }, 'events were not delivered before the end')
  }

  async #deliverAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const result = await this.#deliver(next)
      this.#parts.metrics.eventDeliveries.inc({ result })
      // Who does not answer now is asked no more before the end.
      if (this.#end === 'now' || (this.#end === 'flush' && result === 'failed')) break
    }
    this.#delivering = undefined
  }

  async #deliver(message: Message): Promise<'sent' | 'failed'> {
    const { clock } = this.#parts
    for (let attempt = 0; ; attempt += 1) {
      const flushing = this.#end !== 'no'
      const outcome = await this.#attempt(message)
      if (outcome === 'sent') return 'sent'
      const isLate = clock.monotonic() - message.at > GIVE_UP_MS
      if (outcome === 'refused' || isLate || flushing || this.#end === 'now') return 'failed'
      if (this.#end === 'no')
        await this.#pause(Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt))
    }
  }

  async #attempt({ id, body }: Message): Promise<Outcome> {
    const { url, clock } = this.#parts
    const abort = new AbortController()
    const cancel = clock.after(ATTEMPT_TIMEOUT_MS, () => abort.abort())
    this.#interrupt = () => {
      if (this.#end === 'now') abort.abort()
    }
    try {
      const headers = this.#headers(id, body)
      const { signal } = abort
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body,
        signal,
        redirect: 'manual',
      })
      await response.body?.cancel()
      if (response.ok) return this.#works()
      return this.#fails(`it answers ${response.status}`, isLasting(response.status))
    } catch {
      return this.#fails(
        abort.signal.aborted ? 'it does not answer in time' : 'no connection',
        false,
      )
    } finally {
      cancel()
      this.#interrupt = () => {}
    }
  }

  #headers(id: string, body: string): Record<string, string> {
    const timestamp = String(Math.floor(this.#parts.clock.now() / 1000))
    const headers = {
      'content-type': 'application/json',
      'user-agent': this.#parts.userAgent,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
    }
    if (this.#key === undefined) return headers
    const signature = createHmac('sha256', this.#key).update(`${id}.${timestamp}.${body}`)
    return { ...headers, 'webhook-signature': `v1,${signature.digest('base64')}` }
  }

  #works(): Outcome {
    if (this.#trouble !== undefined) this.#parts.log.info('the events webhook takes events again')
    this.#trouble = undefined
    return 'sent'
  }

  /** A lasting trouble is one line. The URL's path may be a secret. */
  #fails(why: string, isLasting: boolean): Outcome {
    if (this.#trouble !== why) {
      const { host } = new URL(this.#parts.url)
      this.#parts.log.warn({ host }, `an event was not taken by the events webhook: ${why}`)
    }
    this.#trouble = why
    return isLasting ? 'refused' : 'later'
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve)
      this.#interrupt = () => {
        cancel()
        resolve()
      }
    })
  }
}

/** Whether the same event would be refused again: a redirect and most of 4xx, but not a limit or a time-out. */
function isLasting(status: number): boolean {
  return status < 500 && ![408, 425, 429].includes(status)
}

/** Standard Webhooks writes secrets as `whsec_<base64>`; any other text is the key itself, as MLflow has it. */
function keyOf(secret: string): Buffer {
  const encoded = /^whsec_(.+)$/.exec(secret)?.[1]
  return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64')
}
