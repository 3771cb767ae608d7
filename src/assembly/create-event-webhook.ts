import type { Config } from '../config/read-config.ts'
import { EventWebhook, type EventWebhookParts } from '../observe/event-webhook.ts'
import { sendEvents } from '../observe/outgoing-events.ts'
import type { ServingEvents } from '../serving/events.ts'
import { VERSION } from '../version.ts'

/** Sends every event of a version's life to `--events-webhook`; undefined where there is none. */
export function createEventWebhook(
  { eventsWebhook: url, eventsWebhookSecret: secret }: Config,
  events: ServingEvents,
  parts: Pick<EventWebhookParts, 'clock' | 'log' | 'metrics'>,
): EventWebhook | undefined {
  if (url === undefined) return undefined
  const webhook = new EventWebhook({ ...parts, url, secret, userAgent: `baton/${VERSION}` })
  sendEvents(events, webhook)
  return webhook
}
