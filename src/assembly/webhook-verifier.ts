import type { Clock } from '../clock.ts'
import type { Settings } from '../config/settings.ts'
import type { WebhookVerifier } from '../http/webhook-route.ts'
import { changedModel, DeliveryLog, verifyWebhook } from '../registry/webhook.ts'

/** Checks registry webhooks with the configured secret; undefined where there is none. */
export function createWebhookVerifier(
  { webhookSecret: secret, webhookMaxAgeMs }: Settings,
  clock: Clock,
): WebhookVerifier | undefined {
  if (secret === undefined) return undefined
  const deliveries = new DeliveryLog()
  return (headers, rawBody) => {
    const header = (name: string) => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    const check = { secret, now: clock.now(), maxAgeSeconds: webhookMaxAgeMs / 1000 }
    const id = verifyWebhook({ header, rawBody }, check)
    return { model: changedModel(rawBody), duplicate: !deliveries.isNew(id) }
  }
}
