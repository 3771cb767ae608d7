import { afterEach, describe, expect, inject, test } from 'vitest'
import { eventually } from '../interop/support/eventually.ts'
import { faultRow, nothingLost, Scene } from './support/scene.ts'
import { LARGE, SMALL } from './support/stage.ts'
import type { Toxic } from './support/toxiproxy.ts'

const ORDER = 2

let scene = new Scene()
afterEach(async () => {
  await scene.cleanup.run()
  scene = new Scene()
})

describe.skipIf(inject('stage') === undefined)('the bucket', () => {
  test('is down when the alias moves: the old version serves until it is back', async () => {
    const link = await scene.linkToBucket()
    const alias = await scene.alias(SMALL.name, '1')
    const baton = await scene.serve({ model: SMALL.name, alias, bucketUrl: link.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    await link.cut()
    await scene.registry.setAlias(SMALL.name, alias, '2')
    expect(await scene.failed(baton, SMALL.name, '2')).toMatchObject({
      code: 'ARTIFACT_UNAVAILABLE',
      stage: 'downloading',
    })
    await link.mend()
    await clients.settledOn('2', 45_000)
    await faultRow(ORDER, {
      fault: 'S3 down',
      clients: nothingLost(await clients.stop()),
      logged: baton.logged('version failed'),
      recovered: 'the next try, after a back-off',
    })
  })

  const disturbed: readonly { what: string; toxic: Toxic }[] = [
    {
      what: 'slow: 2 MiB a second for each connection',
      toxic: { type: 'bandwidth', attributes: { rate: 2048 } },
    },
    {
      what: 'cut in the middle of a file: every connection after 3 MiB',
      toxic: { type: 'limit_data', attributes: { bytes: 3 * 2 ** 20 } },
    },
  ]
  test.each(disturbed)('is $what: the new version comes later', async ({ what, toxic }) => {
    const link = await scene.linkToBucket()
    const alias = await scene.alias(LARGE.name, '1')
    const baton = await scene.serve({ model: LARGE.name, alias, bucketUrl: link.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    await link.disturb(toxic)
    await scene.registry.setAlias(LARGE.name, alias, '2')
    await eventually('the download to begin', async () => {
      const { versions } = await scene.facts(baton, LARGE.name)
      return versions.find(({ version, state }) => version === '2' && state === 'downloading')
    })
    await clients.settledOn('2', 45_000)
    await faultRow(ORDER, {
      fault: `S3 ${what}, model of 32 MiB`,
      clients: nothingLost(await clients.stop()),
      logged: baton.logged('cache: downloaded'),
      recovered: 'the download went on where it was, the old version served meanwhile',
    })
  })

  const wrong: readonly { what: string; change: (body: Buffer) => Buffer }[] = [
    { what: 'of the wrong length', change: (body) => body.subarray(0, body.length - 10) },
    {
      what: 'with wrong bytes',
      change: (body) => {
        const changed = Buffer.from(body)
        const middle = Math.floor(body.length / 2)
        changed[middle] = (changed[middle] ?? 0) ^ 0xff
        return changed
      },
    },
  ]
  test.each(wrong)('gives a file $what: it never serves', async ({ what, change }) => {
    const proxy = await scene.tamperWithBucket()
    const alias = await scene.alias(SMALL.name, '1')
    const baton = await scene.serve({ model: SMALL.name, alias, bucketUrl: proxy.url })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    proxy.tamper = ({ body }, path) =>
      path.includes('model.onnx') ? { body: change(body) } : undefined
    await scene.registry.setAlias(SMALL.name, alias, '2')
    const failure = await scene.failed(baton, SMALL.name, '2')
    expect(failure.code).toMatch(/^ARTIFACT_(CORRUPT|UNAVAILABLE)$/)
    proxy.tamper = undefined
    await clients.settledOn('2', 45_000)
    await faultRow(ORDER, {
      fault: `S3 gives a file ${what}`,
      clients: nothingLost(await clients.stop()),
      logged: baton.logged('version failed'),
      recovered: 'nothing of it was kept; the next try, after a back-off',
    })
  })
})
