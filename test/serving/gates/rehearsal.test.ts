import { afterEach, describe, expect, it, vi } from 'vitest'
import { createRegistry, RunningServer, type TestRegistry } from '../../running-server.ts'
import { graphRegistry, writeGolden } from '../support/graph-registry.ts'

let registry: TestRegistry
let running: RunningServer

afterEach(async () => {
  await running.server.stop()
  await registry.remove()
})

/** Trials have tests of their own, and cost a second each. */
const start = (env: Readonly<Record<string, string>> = {}) =>
  RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root, BATON_TRIAL: 'off', ...env })

interface Version {
  readonly version: string
  readonly state: string
  readonly rehearsal?: Record<string, unknown>
  readonly failure?: { readonly code: string; readonly stage: string; readonly message: string }
}

interface Model {
  readonly refs: readonly { readonly serving?: string }[]
  readonly versions: readonly Version[]
}

async function model(): Promise<Model> {
  const [churn] = (await running.models()).models
  return churn as unknown as Model
}

async function versionStatus(number: number): Promise<Version | undefined> {
  return (await model()).versions.find(({ version }) => version === `${number}`)
}

/** Requests of one to three rows, all different. */
async function sendTraffic(count = 12): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const rows = Array.from({ length: 1 + (i % 3) }, (_, row) => [i, row, i / 2, 1])
    const { status } = await running.post('/invocations', { inputs: { x: rows } })
    expect(status).toBe(200)
  }
}

/** Waits for a version to be refused. */
function refused(number: number): Promise<NonNullable<Version['failure']>> {
  return vi.waitFor(
    async () => {
      const { failure } = (await versionStatus(number)) ?? {}
      if (failure === undefined) throw new Error('not refused yet')
      return failure
    },
    { timeout: 15_000, interval: 20 },
  )
}

async function refusalOf(number: number): Promise<NonNullable<Version['failure']>> {
  await registry.setAliases('churn', { champion: number })
  return refused(number)
}

/** Moves the alias, and waits for the version to serve. */
async function handOverTo(number: number): Promise<Version> {
  await registry.setAliases('churn', { champion: number })
  return vi.waitFor(
    async () => {
      const { refs, versions } = await model()
      const status = versions.find(({ version }) => version === refs[0]?.serving)
      if (status?.version !== `${number}`) throw new Error(`version ${status?.version} serves`)
      return status
    },
    { timeout: 15_000, interval: 20 },
  )
}

describe('a new version answers recent requests before it serves', () => {
  it('and is refused for each fault, with the numbers, while the old one serves on', async () => {
    registry = await graphRegistry('good', 'nan', 'random', 'constant', 'wider', 'better')
    running = await start({ BATON_ACCEPT_CONTRACT: 'breaking' })
    await sendTraffic()
    const refusal = (message: string) => ({
      code: 'REHEARSAL_FAILED',
      stage: 'warming',
      message: expect.stringMatching(
        `^Rehearsal against version 1 with \\d+ recent requests: ${message}$`,
      ),
    })
    expect(await refusalOf(2)).toMatchObject(
      refusal('\\d+ numbers are NaN or infinite that were not'),
    )
    expect(await refusalOf(3)).toMatchObject(
      refusal('the same request sent twice was answered differently'),
    )
    expect(await refusalOf(4)).toMatchObject(refusal('different requests were all answered alike'))
    expect(await refusalOf(5)).toMatchObject(
      refusal(
        'the shape of answers changed: "predictions\\.y\\[0\\]" is a list of 4, and was a list of 2',
      ),
    )
    expect(await running.answeringVersion()).toBe('1')

    const { rehearsal } = await handOverTo(6)
    expect(rehearsal).toMatchObject({
      against: '1',
      source: 'traffic',
      errors: 0,
      non_finite: 0,
      decisions: expect.any(Number),
      changed: 0,
      largest_difference: expect.closeTo(0.25, 4),
      mean_difference: expect.closeTo(0.25, 4),
    })
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('baton_rehearsals_total{model="churn",result="failed"} 4')
    expect(metrics).toContain('baton_rehearsals_total{model="churn",result="passed"} 1')
    expect(metrics).toMatch(
      /baton_rehearsal_difference\{model="churn",version="6",measure="mean"\} 0\.25/,
    )
  }, 60_000)

  it('within the limits that are set', async () => {
    registry = await graphRegistry('good', 'better')
    running = await start({ BATON_REHEARSAL_MAX_DIFFERENCE: '0.2' })
    await sendTraffic()
    expect((await refusalOf(2)).message).toMatch(
      /recent requests: the largest difference is 0\.25 \(limit 0\.2\)$/,
    )
  })

  it('and may show what the settings allow', async () => {
    registry = await graphRegistry('good', 'random')
    running = await start({ BATON_REHEARSAL_ALLOW: 'random' })
    await sendTraffic()
    expect((await handOverTo(2)).rehearsal).toMatchObject({ random: true })
  })

  it('and is not called random where the one that serves is, too', async () => {
    registry = await graphRegistry('random', 'random')
    running = await start()
    await sendTraffic()
    expect((await handOverTo(2)).rehearsal).toMatchObject({ random: false })
  })

  it('that a worker had read, since they are large', async () => {
    registry = await graphRegistry('good', 'nan', 'better')
    running = await start()
    for (let i = 0; i < 3; i += 1) {
      const body = JSON.stringify({ inputs: { x: [[i, 1, 2, 3]] } })
      const { status } = await running.post('/invocations', body.padEnd(600 * 1024))
      expect(status).toBe(200)
    }
    expect((await refusalOf(2)).message).toMatch(/recent requests: \d numbers are NaN/)
    expect((await handOverTo(3)).rehearsal).toMatchObject({
      source: 'traffic',
      largest_difference: expect.closeTo(0.25, 4),
    })
  })

  it('in a process of its own, where an older one serves', async () => {
    registry = await graphRegistry('good', 'nan', 'better')
    running = await start({ BATON_TRIAL: 'auto' })
    await sendTraffic()
    expect((await refusalOf(2)).code).toBe('REHEARSAL_FAILED')
    expect((await handOverTo(3)).rehearsal).toMatchObject({ source: 'traffic', errors: 0 })
  })

  it('and what clients sent stays out of the reason for a refusal', async () => {
    registry = await createRegistry({ churn: ['affine-1', 'slow'] })
    running = await start({ BATON_ACCEPT_CONTRACT: 'breaking' })
    await running.post('/invocations', { inputs: { x: [[4711, 4711, 4711, 4711]] } })
    const { message } = await refusalOf(2)
    expect(message).toContain(
      '1 of 1 requests were refused (limit 0), the first with: INVALID_INPUT',
    )
    expect(message).not.toContain('4711')
  })
})

describe('where there was no traffic yet', () => {
  it('both versions answer the input example of the new one', async () => {
    registry = await graphRegistry('good', 'nan', 'better')
    running = await start()
    expect((await refusalOf(2)).message).toBe(
      'Rehearsal against version 1 with 1 input example: 2 numbers are NaN or infinite that were not',
    )
    expect((await handOverTo(3)).rehearsal).toMatchObject({ source: 'example', requests: 1 })
  })
})

describe('without rehearsals', () => {
  it('nothing is kept and any answers will do', async () => {
    registry = await graphRegistry('good', 'nan')
    running = await start({ BATON_REHEARSAL_REQUESTS: '0' })
    await sendTraffic()
    expect((await handOverTo(2)).rehearsal).toBeUndefined()
  })
})

describe('a golden.json in the folder of a model', () => {
  const request = { inputs: { x: [[0, 1, 2, 3]] } }
  const golden = (first: number) => ({
    cases: [{ name: 'ramp', request, response: { predictions: { y: [[first, 3]] } } }],
  })

  it('must be answered as it says, on first load as well', async () => {
    registry = await graphRegistry('good')
    await writeGolden(registry, 1, golden(2.5))
    running = await RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root }, { ready: false })
    expect(await refused(1)).toMatchObject({
      code: 'REHEARSAL_FAILED',
      stage: 'warming',
      message: expect.stringMatching(
        /^golden\.json of the model: 1 of 1 cases are answered otherwise, the first "ramp": "predictions\.y\[0\]\[0\]": expected 2\.5 within 0\.000\d+, received 2\.4/,
      ),
    })
  })

  it('is answered as it says by a good version, which then serves', async () => {
    registry = await graphRegistry('good', 'good')
    await writeGolden(registry, 1, golden(2.4))
    await writeGolden(registry, 2, { cases: 'none' })
    running = await start()
    expect(await versionStatus(1)).toMatchObject({ state: 'ready', golden_cases: 1 })
    expect(await refusalOf(2)).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('expected "cases", a list of one case or more'),
    })
  })
})
