import { afterEach, describe, expect, inject, test } from 'vitest'
import { eventually } from '../interop/support/eventually.ts'
import { nothingLost, row, Scene } from './support/scene.ts'
import { SMALL } from './support/stage.ts'

const { name: MODEL } = SMALL
const ORDER = 1

describe.skipIf(inject('stage') === undefined)('the registry', () => {
  let scene = new Scene()
  afterEach(async () => {
    await scene.cleanup.run()
    scene = new Scene()
  })

  test('is down while Baton serves: it serves on, and follows again by itself', async () => {
    const link = await scene.linkToRegistry()
    const alias = await scene.alias(MODEL, '1')
    const baton = await scene.serve({ model: MODEL, alias, registryUrl: link.url })
    const load = scene.load(baton)
    await load.settledOn('1')
    await link.cut()
    await eventually('/models to say so', async () => {
      const { refs } = await scene.facts(baton, MODEL)
      return refs[0]?.error?.code === 'REGISTRY_UNAVAILABLE' || undefined
    })
    expect((await fetch(`${baton.url}/readyz`)).status).toBe(200)
    await scene.registry.setAlias(MODEL, alias, '2')
    await load.settledOn('1')
    const logged = baton.logged('the registry cannot be asked')
    await link.mend()
    await load.settledOn('2')
    const clients = nothingLost(await load.stop())
    await row(
      'faults',
      ORDER,
      'Registry down while serving',
      clients,
      String(logged),
      'by its next poll; the move made meanwhile was carried out',
    )
  })
})
