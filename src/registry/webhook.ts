import { createHmac, timingSafeEqual } from 'node:crypto'
import { ServingError } from '../errors.ts'

/** Entities whose events can change what an alias, a stage or `latest` means. */
const MODEL_ENTITIES: ReadonlySet<unknown> = new Set([
  'registered_model',
  'model_version',
  'model_version_alias',
])

export interface WebhookDelivery {
  /** Header by lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The body's bytes as they came: the signature is over these. */
  readonly rawBody: Uint8Array
}

export interface WebhookCheck {
  readonly secret: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** How far the delivery's timestamp may lie from now, before or after. A retry repeats the first timestamp. */
  readonly maxAgeSeconds: number
}

/**
 * Checks that a delivery comes from the MLflow server that knows the secret, and is fresh: HMAC-SHA256 over
 * `<delivery id>.<timestamp>.<body>` (mlflow/webhooks/delivery.py).
 * @returns the delivery's id, for {@link DeliveryLog}
 * @throws ServingError UNAUTHENTICATED
 */
export function verifyWebhook(delivery: WebhookDelivery, check: WebhookCheck): string {
  const id = requiredHeader(delivery, 'x-mlflow-delivery-id')
  const timestamp = requiredHeader(delivery, 'x-mlflow-timestamp')
  const signatures = requiredHeader(delivery, 'x-mlflow-signature')
  const expected = createHmac('sha256', check.secret)
    .update(`${id}.${timestamp}.`)
    .update(delivery.rawBody)
    .digest()
  // A server that changes its secret may send one signature for each, as the scheme's other users do.
  if (!signatures.split(' ').some((signature) => isSignature(signature, expected))) {
    throw refused('its signature does not fit; check that both sides have the same secret')
  }
  const age = check.now / 1000 - Number(timestamp)
  if (!/^\d+$/.test(timestamp) || Math.abs(age) > check.maxAgeSeconds) {
    throw refused(
      `expected a timestamp within ${check.maxAgeSeconds} s of now, got one ${Math.round(age)} s old; check both clocks`,
    )
  }
  return id
}

function requiredHeader(delivery: WebhookDelivery, name: string): string {
  const value = delivery.header(name)
  if (value === undefined || value === '') {
    throw refused(`expected the header ${name}; give the webhook a secret`)
  }
  return value
}

function isSignature(text: string, expected: Buffer): boolean {
  if (!text.startsWith('v1,')) return false
  const received = Buffer.from(text.slice('v1,'.length), 'base64')
  return received.length === expected.length && timingSafeEqual(received, expected)
}

function refused(why: string): ServingError {
  return new ServingError('UNAUTHENTICATED', `The webhook delivery is refused: ${why}`)
}

/**
 * The registered model that an event is about; undefined for an event that cannot change what is served, such as
 * a tag or a prompt, and for a body of another form. Only a hint: deliveries come unordered, twice or never.
 */
export function changedModel(rawBody: Uint8Array): string | undefined {
  try {
    const event: unknown = JSON.parse(Buffer.from(rawBody).toString('utf8'))
    if (!isRecord(event) || !MODEL_ENTITIES.has(event.entity) || !isRecord(event.data)) {
      return undefined
    }
    return typeof event.data.name === 'string' ? event.data.name : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Remembers the last deliveries, so that one that is sent again counts once. */
export class DeliveryLog {
  readonly #ids = new Set<string>()
  readonly #limit: number

  constructor(limit = 1000) {
    this.#limit = limit
  }

  /** Whether the delivery is new; from now on it is not. */
  isNew(id: string): boolean {
    if (this.#ids.has(id)) return false
    this.#ids.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size > this.#limit && oldest !== undefined) this.#ids.delete(oldest)
    return true
  }
}
