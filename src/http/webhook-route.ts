import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ServingMetrics } from '../metrics.ts'
import { errorJson, json } from './json-answer.ts'
import { type BodyLimits, readBody } from './request-body.ts'
import type { Handler } from './route-methods.ts'

/** MLflow's largest webhook bodies are a few kilobytes. */
const MAX_WEBHOOK_BYTES = 256 * 1024

/** What a webhook says once its signature and age are checked. */
export interface WebhookHint {
  /** Model to look at again; undefined when the event is about something else. */
  readonly model: string | undefined
  /** The delivery came before: MLflow repeats what was not answered in time. */
  readonly duplicate: boolean
}

/** @throws ServingError UNAUTHENTICATED, INVALID_REQUEST. */
export type WebhookVerifier = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Buffer,
) => WebhookHint

export interface WebhookParts {
  /** Undefined while webhooks are off. */
  readonly verifyWebhook: WebhookVerifier | undefined
  /** Asks the registry for a model now. */
  readonly hint: (model: string) => void
  readonly metrics: ServingMetrics
  readonly bodyLimits: BodyLimits
  readonly clock: Clock
}

/** `POST /webhooks/mlflow`: a verified delivery is a hint to ask the registry now, never the truth. */
export function webhookRoute(parts: WebhookParts): Handler {
  const { verifyWebhook: verify, hint, metrics, clock } = parts
  const limits = { maxBytes: MAX_WEBHOOK_BYTES, timeoutMs: parts.bodyLimits.timeoutMs }
  return async (c) => {
    try {
      if (verify === undefined) {
        throw new ServingError('NOT_FOUND', 'Webhooks are off until BATON_WEBHOOK_SECRET is set')
      }
      const body = await readBody(c.env, limits, clock)
      const { model, duplicate } = verify(c.env.incoming.headers, body)
      const result = duplicate ? 'duplicate' : model === undefined ? 'ignored' : 'accepted'
      if (!duplicate && model !== undefined) hint(model)
      metrics.webhooks.inc({ result })
      return json(c, { result }, 202)
    } catch (error) {
      metrics.webhooks.inc({ result: 'refused' })
      return errorJson(c, error)
    }
  }
}
