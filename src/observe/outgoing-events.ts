import { hostname } from 'node:os'
import type { ServingEventMap, ServingEvents } from '../serving/events.ts'
import { snakeCase } from '../snake-case.ts'
import type { EventWebhook } from './event-webhook.ts'

/** Events of a version's life; batches and the progress of downloads are numbers, and stand in the metrics. */
type LifeEvents = Omit<ServingEventMap, 'batch' | 'download'>

/** The `type` of each event, as the receiver of the webhook sees it. */
const TYPES: { readonly [K in keyof LifeEvents]: (event: LifeEvents[K]) => string } = {
  version: ({ state }) => `version.${state}`,
  swap: ({ result }) => `handover.${result}`,
  drain: () => 'version.drained',
  trial: ({ code }) => `trial.${code === undefined ? 'passed' : 'failed'}`,
  probation: ({ state }) => `probation.${state}`,
  pin: ({ action }) => `reference.${action}`,
}

/** Sends every event of a version's life to the webhook. */
export function sendEvents(events: ServingEvents, webhook: EventWebhook): void {
  const host = hostname()
  const send = <K extends keyof LifeEvents>(kind: K): void => {
    const typeOf: (event: ServingEventMap[K]) => string = TYPES[kind]
    events.on(kind, (event) => {
      // Where the files lie is nobody's business outside.
      const { served: _served, ...data } = event as ServingEventMap[K] & { served?: unknown }
      webhook.push(typeOf(event), { host, ...(snakeCase(data) as object) })
    })
  }
  for (const kind of Object.keys(TYPES) as (keyof LifeEvents)[]) send(kind)
}
