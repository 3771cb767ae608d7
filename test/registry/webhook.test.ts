import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { changedModel, DeliveryLog, verifyWebhook } from '../../src/registry/webhook.ts'

const NOW = 1_795_269_260
const BODY =
  '{"entity": "model_version_alias", "action": "created", "timestamp": "2026-11-21T13:54:20+00:00", "data": {"name": "churn", "alias": "champion", "version": "2"}}'
const check = { secret: 'shh', now: NOW * 1000, maxAgeSeconds: 300 }

function sign(id: string, timestamp: string, body: string, secret = 'shh'): string {
  return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

/** A delivery as MLflow makes it, with headers replaced or, where undefined, left out. */
function delivery(changes: Record<string, string | undefined> = {}, body = BODY) {
  const timestamp = changes['x-mlflow-timestamp'] ?? String(NOW)
  const headers: Record<string, string | undefined> = {
    'x-mlflow-delivery-id': 'id-1',
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': sign('id-1', timestamp, BODY),
    ...changes,
  }
  return { header: (name: string) => headers[name], rawBody: Buffer.from(body) }
}

describe('verifyWebhook', () => {
  it('accepts what MLflow signed and gives the delivery id', () => {
    expect(verifyWebhook(delivery(), check)).toBe('id-1')
  })

  it('fits the signature that MLflow 3.18 made', () => {
    const headers: Record<string, string> = {
      'x-mlflow-delivery-id': '1eecdb03-f190-46d6-9b4a-24572e5447f8',
      'x-mlflow-timestamp': '1795270849',
      'x-mlflow-signature': 'v1,Haso2nX46eFyimwgURnEsBm6kgRaaQsoNSnBrbkEJK0=',
    }
    const rawBody = Buffer.from(
      '{"entity": "model_version_alias", "action": "created", "timestamp": "2026-11-21T14:20:49.807832+00:00", "data": {"name": "churn", "alias": "champion", "version": "1"}}',
    )
    const received = { header: (name: string) => headers[name], rawBody }
    const then = { secret: 'shh', now: 1795270849_500, maxAgeSeconds: 300 }
    expect(verifyWebhook(received, then)).toBe(headers['x-mlflow-delivery-id'])
    expect(changedModel(rawBody)).toBe('churn')
  })

  it('accepts one of several signatures', () => {
    const both = `v1,AAAA ${sign('id-1', String(NOW), BODY)}`
    expect(verifyWebhook(delivery({ 'x-mlflow-signature': both }), check)).toBe('id-1')
  })

  it.each([
    ['another secret', delivery({ 'x-mlflow-signature': sign('id-1', String(NOW), BODY, 'x') })],
    ['another body', delivery({}, BODY.replace('"2"', '"3"'))],
    ['another id', delivery({ 'x-mlflow-delivery-id': 'id-2' })],
    ['another scheme', delivery({ 'x-mlflow-signature': 'v2,AAAA' })],
    ['a short signature', delivery({ 'x-mlflow-signature': 'v1,AAAA' })],
  ])('refuses %s', (_what, received) => {
    expect(() => verifyWebhook(received, check)).toThrow(/signature does not fit/)
    expect(() => verifyWebhook(received, check)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    )
  })

  it.each([-300, 300])('accepts a timestamp %d s from now', (seconds) => {
    const received = delivery({ 'x-mlflow-timestamp': String(NOW + seconds) })
    expect(verifyWebhook(received, check)).toBe('id-1')
  })

  it.each([-301, 301])('refuses a timestamp %d s from now', (seconds) => {
    const received = delivery({ 'x-mlflow-timestamp': String(NOW + seconds) })
    expect(() => verifyWebhook(received, check)).toThrow(/within 300 s of now/)
  })

  it('refuses a timestamp that is no number, though it is signed', () => {
    const received = delivery({ 'x-mlflow-timestamp': '' })
    expect(() => verifyWebhook(received, check)).toThrow(/x-mlflow-timestamp/)
    const odd = delivery({ 'x-mlflow-timestamp': 'NaN' })
    expect(() => verifyWebhook(odd, check)).toThrow(/within 300 s/)
  })

  it.each(['x-mlflow-delivery-id', 'x-mlflow-signature'])(
    'names %s where it is missing',
    (name) => {
      expect(() => verifyWebhook(delivery({ [name]: undefined }), check)).toThrow(name)
    },
  )
})

describe('changedModel', () => {
  const event = (entity: string, data: unknown) => Buffer.from(JSON.stringify({ entity, data }))

  it.each(['registered_model', 'model_version', 'model_version_alias'])('reads a %s', (entity) => {
    expect(changedModel(event(entity, { name: 'churn' }))).toBe('churn')
  })

  it.each([
    ['a tag', event('model_version_tag', { name: 'churn' })],
    ['a prompt', event('prompt_alias', { name: 'churn' })],
    ['no name', event('model_version', {})],
    ['no data', event('model_version', null)],
    ['a list', Buffer.from('[]')],
    ['null', Buffer.from('null')],
    ['no JSON', Buffer.from('{')],
    ['no UTF-8', Buffer.from([0xff, 0xfe])],
  ])('gives nothing for %s', (_what, body) => {
    expect(changedModel(body)).toBeUndefined()
  })
})

describe('DeliveryLog', () => {
  it('knows a delivery that came before', () => {
    const log = new DeliveryLog()
    expect([log.isNew('a'), log.isNew('b'), log.isNew('a')]).toEqual([true, true, false])
  })

  it('forgets the oldest beyond its limit', () => {
    const log = new DeliveryLog(2)
    for (const id of ['a', 'b', 'c']) log.isNew(id)
    expect([log.isNew('b'), log.isNew('c'), log.isNew('a')]).toEqual([false, false, true])
  })
})
