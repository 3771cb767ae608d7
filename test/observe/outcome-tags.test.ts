import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import { createLogger } from '../../src/log.ts'
import { REGISTRY_FAILURES } from '../../src/mlflow/failures.ts'
import { MlflowHttp } from '../../src/mlflow/http.ts'
import { OutcomeTags, tagOutcomes } from '../../src/observe/outcome-tags.ts'
import { MlflowClient } from '../../src/registry/mlflow-client.ts'
import { MlflowRegistry } from '../../src/registry/mlflow-registry.ts'
import type { TestServer } from '../mlflow/test-server.ts'
import { FakeMlflow } from '../registry/fake-mlflow.ts'
import { v1, v2 } from '../serving/support/iris.ts'
import { ManualServing } from '../serving/support/manual-serving.ts'

let mlflow: FakeMlflow
let server: TestServer
let serving: ManualServing
let tags: OutcomeTags
let warnings: string[]

beforeEach(async () => {
  mlflow = new FakeMlflow()
  server = await mlflow.start()
  for (const version of ['1', '2']) mlflow.addVersion('iris', version, `s3://bucket/${version}`)
  const http = new MlflowHttp({ uri: server.url }, REGISTRY_FAILURES)
  const registry = new MlflowRegistry(new MlflowClient(http))
  serving = new ManualServing({ probation: { durationMs: 30_000 } })
  warnings = []
  const log = createLogger('silent')
  vi.spyOn(log, 'warn').mockImplementation((_fields: unknown, message?: string) => {
    warnings.push(String(message))
  })
  tags = new OutcomeTags({ write: registry.tagVersion.bind(registry), clock: serving.clock, log })
  tagOutcomes(serving.events, tags)
})

afterEach(() => server.stop())

/** The outcome in the registry, and the reason. */
function outcome(version: string): (string | undefined)[] {
  const written = mlflow.tagsOf('iris', version)
  return [written['baton.outcome'], written['baton.outcome_reason']]
}

/** MLflow answers 500 as long as this says so. */
function breakMlflow(isBroken: () => boolean): void {
  mlflow.override = (c) => (isBroken() ? c.text('down', 500) : undefined)
}

/** Lets time pass until nothing is left to be written. */
async function passTime(): Promise<void> {
  let isIdle = false
  void tags.idle().then(() => {
    isIdle = true
  })
  const step = () => {
    serving.clock.advance(200)
    if (!isIdle) throw new Error('tags wait')
  }
  await vi.waitFor(step, { timeout: 15_000, interval: 5 })
}

describe('the outcome of a version is written to MLflow', () => {
  it('when it serves, and when it has passed its probation', async () => {
    await serving.set('iris', { champion: v1 })
    await tags.idle()
    expect(mlflow.tagsOf('iris', '1')).toEqual({
      'baton.outcome': 'serving',
      'baton.outcome_reason': 'first version loaded',
      'baton.outcome_at': '2026-01-01T00:00:00.000Z',
    })
    await serving.set('iris', { champion: v2 })
    await tags.idle()
    expect(outcome('2')).toEqual(['serving', 'moved from version 1 to 2'])
    serving.clock.advance(30_000)
    await tags.idle()
    expect(outcome('2')).toEqual(['passed', '0 requests, fewer than the 20 it takes to judge'])
  })

  it('when it is taken back', async () => {
    await serving.set('iris', { champion: v1 })
    await serving.set('iris', { champion: v2 })
    const { model } = serving.manager.acquire({})
    for (let n = 0; n < 20; n += 1) model.traffic.failed('MODEL_FAILED')
    await tags.idle()
    expect(outcome('2')).toEqual(['taken_back', expect.stringContaining('20 of 20 requests')])
    expect(outcome('1')).toEqual(['serving', expect.stringContaining('version 2 was taken back')])
  })

  it('when it cannot be brought into service, once for all tries that end alike', async () => {
    await serving.set('iris', { champion: v1 })
    serving.loads.break(v2.source, new ServingError('LOAD_FAILED', 'the file is corrupt'))
    await serving.set('iris', { champion: v2 })
    await tags.idle()
    expect(outcome('2')).toEqual(['failed', 'loading: the file is corrupt'])
    mlflow.takeCalls()
    serving.clock.advance(1_000)
    await serving.manager.settled()
    await tags.idle()
    expect(serving.loads.begun.filter((source) => source === v2.source)).toHaveLength(2)
    expect(mlflow.takeCalls()).toEqual([])
  })
})

describe('a registry that takes no tags', () => {
  it('is tried again, and hears the latest of a version only', async () => {
    let broken = true
    breakMlflow(() => broken)
    await serving.set('iris', { champion: v1 })
    await vi.waitFor(() => expect(mlflow.calls.length).toBeGreaterThan(0))
    tags.push('iris', '1', 'passed', 'later')
    broken = false
    await passTime()
    expect(outcome('1')).toEqual(['passed', 'later'])
    expect(warnings).toEqual([])
  })

  it('is given up after five tries with one line, and asked again for the next outcome', async () => {
    let broken = true
    breakMlflow(() => broken)
    await serving.set('iris', { champion: v1 })
    await passTime()
    expect(mlflow.takeCalls()).toEqual(Array(5).fill('POST /model-versions/set-tag'))
    expect(warnings).toEqual([expect.stringContaining('an outcome tag was not written')])
    expect(serving.serving('iris')).toBe('1')
    broken = false
    await serving.set('iris', { champion: v2 })
    await tags.idle()
    expect(outcome('2')[0]).toBe('serving')
  })

  it('keeps nobody waiting at the end', async () => {
    breakMlflow(() => true)
    await serving.set('iris', { champion: v1 })
    await vi.waitFor(() => expect(serving.clock.pending).toBeGreaterThan(0))
    await tags.close(1_000)
    expect(warnings).toHaveLength(1)
    expect(serving.clock.pending).toBe(0)
  })

  it('is not asked about what is no registered version', async () => {
    tags.push('folder', 'm-1234', 'serving', 'first version loaded')
    await tags.idle()
    expect(mlflow.takeCalls()).toEqual([])
    tags.push('iris', '7', 'serving', 'first version loaded')
    await tags.idle()
    expect(warnings).toEqual([expect.stringContaining('Version 7 of model "iris"')])
  })
})
