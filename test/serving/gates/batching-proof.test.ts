import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RunningServer, type TestRegistry } from '../../running-server.ts'
import { type GraphName, graphRegistry } from '../support/graph-registry.ts'

let registry: TestRegistry
let running: RunningServer

afterEach(async () => {
  await running.server.stop()
  await registry.remove()
})

interface Batching {
  readonly enabled: boolean
  readonly reason?: string
  readonly proof?: {
    readonly rows: number
    readonly largest_batch: number
    readonly source: string
  }
}

async function batching(version = 1): Promise<Batching | undefined> {
  const [model] = (await running.models()).models
  const versions = model?.versions as readonly { version: string; batching?: Batching }[]
  return versions.find((status) => status.version === `${version}`)?.batching
}

async function serve(...names: readonly GraphName[]): Promise<void> {
  registry = await graphRegistry(...names)
  running = await RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root, BATON_TRIAL: 'off' })
}

describe('before it serves, rows are run alone and together', () => {
  it('and share batches where the answers are the same', async () => {
    await serve('good')
    expect(await batching()).toEqual({
      enabled: true,
      proof: { rows: 8, largest_batch: 8, source: 'example' },
    })
  })

  it('with rows that clients have sent, where there are some', async () => {
    await serve('good', 'better')
    for (const row of [1, 2, 3])
      await running.post('/invocations', { inputs: { x: [[row, 0, 0, 0]] } })
    await registry.setAliases('churn', { champion: 2 })
    await vi.waitFor(async () => expect(await batching(2)).toMatchObject({ enabled: true }), 15_000)
    expect(await batching(2)).toMatchObject({ proof: { rows: 3, source: 'traffic' } })
  })

  it('with made-up rows where there is neither traffic nor an example', async () => {
    registry = await graphRegistry('mixing')
    await rm(join(registry.root, 'churn', '1', 'serving_input_example.json'))
    running = await RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root })
    expect(await batching()).toMatchObject({ enabled: false })
  })

  it.each([
    ['mixing', /^a row is answered otherwise among 2 than alone: output "y" differs by/],
    ['random', /^the same row is answered differently from run to run$/],
    ['single', /^2 rows fail together that run alone: /],
  ] as const)('and are never put together where they are not: %s', async (name, reason) => {
    await serve(name)
    expect(await batching()).toMatchObject({
      enabled: false,
      reason: expect.stringMatching(reason),
    })
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('baton_batching_enabled{model="churn",version="1"} 0')
    const answers = await Promise.all(
      [1, 2, 3, 4].map(async (row) => {
        const response = await running.post('/invocations', { inputs: { x: [[row, 0, 0, 0]] } })
        return response.status
      }),
    )
    expect(answers).toEqual([200, 200, 200, 200])
    expect(await (await fetch(`${running.url}/metrics`)).text()).toContain(
      'baton_batch_rows_bucket{model="churn",version="1",le="1"} 4',
    )
  })
})
