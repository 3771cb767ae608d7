import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Backend, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'
import { Load } from './support/load.ts'
import { MlflowServer } from './support/mlflow.ts'

const NAME = 'affine'

/** As much of `/models/{name}` as is looked at here. */
interface Status {
  readonly ready: boolean
  readonly refs: readonly {
    readonly serving?: string
    readonly desired?: string
    readonly error?: { readonly code: string; readonly message: string }
  }[]
  readonly versions: readonly {
    readonly version: string
    readonly state: string
    readonly failure?: {
      readonly code: string
      readonly stage: string
      readonly next_try_at: string
    }
  }[]
}

describe.skipIf(whyNotHere('mlflow.sh', 's3.sh', 'register.py'))('while others are down', () => {
  const cleanup = new Cleanup()
  let bucket: Backend
  let mlflow: MlflowServer
  let baton: Baton
  let load: Load

  beforeAll(async () => {
    bucket = cleanup.add(await Backend.start('s3.sh'), (it) => it.remove())
    mlflow = cleanup.add(await MlflowServer.start(['sqlite', 's3', 'direct'], bucket.env), (it) =>
      it.remove(),
    )
    await mlflow.register(NAME)
    await mlflow.register(NAME)
    await mlflow.setAlias(NAME, 'champion', '1')
    const env = {
      ...mlflow.clientEnv,
      ...bucket.env,
      MODEL_NAME: NAME,
      MODEL_ALIAS: 'champion',
    }
    baton = cleanup.add(await Baton.start({ env }), (it) => it.remove())
    load = Load.start(baton.url, 240, 200)
    await load.settledOn('1')
  })
  afterAll(() => cleanup.run())

  const status = async () => (await baton.json(`/models/${NAME}`)) as Status
  const readiness = async () => (await fetch(`${baton.url}/readyz`)).status

  test('the registry stops: the version that serves goes on, ready, and operators are told', async () => {
    await mlflow.stop()
    const [ref] = await eventually('/models to say so', async () => {
      const { refs } = await status()
      return refs[0]?.error === undefined ? undefined : refs
    })
    expect(ref).toMatchObject({ serving: '1', error: { code: 'REGISTRY_UNAVAILABLE' } })
    expect(ref?.error?.message).toContain('check MLFLOW_TRACKING_URI')
    expect(await baton.metric('baton_registry_up')).toBe(0)
    const age =
      Date.now() / 1000 -
      Number(await baton.metric('baton_registry_last_contact_timestamp_seconds'))
    expect(age).toBeGreaterThan(0)
    expect(await readiness()).toBe(200)
    await load.settledOn('1')
  })

  test('the registry comes back: it is followed again by itself', async () => {
    await mlflow.startAgain()
    await eventually(
      'a poll',
      async () => (await baton.metric('baton_registry_up')) || undefined,
      60_000,
    )
    expect((await status()).refs[0]).toMatchObject({ serving: '1', desired: '1' })
  })

  test('the artifact store is down when the alias moves: the old version goes on, ready', async () => {
    await bucket.stop()
    await mlflow.setAlias(NAME, 'champion', '2')
    const failed = await eventually('/models to say so', async () =>
      (await status()).versions.find(({ failure }) => failure !== undefined),
    )
    expect(failed).toMatchObject({
      version: '2',
      failure: { code: 'ARTIFACT_UNAVAILABLE', stage: 'downloading' },
    })
    expect(Date.parse(failed.failure?.next_try_at ?? '')).toBeGreaterThan(0)
    expect((await status()).refs[0]).toMatchObject({ serving: '1', desired: '2' })
    expect(await baton.metric('baton_swaps_total', 'result="failed"')).toBeGreaterThan(0)
    expect(await readiness()).toBe(200)
    await load.settledOn('1')
  })

  test('the artifact store comes back: the hand-over happens by itself', async () => {
    await bucket.startAgain()
    await load.settledOn('2', 60_000)
    expect((await status()).refs[0]).toMatchObject({ serving: '2', desired: '2' })
    expect(await readiness()).toBe(200)
  })

  test('through all of it no request was lost, and every answer was right', async () => {
    const report = await load.stop()
    expect(report.wrong).toEqual([])
    expect(report).toMatchObject({ non2xx: 0, errors: 0 })
  })
})
