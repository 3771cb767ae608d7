import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Contest, type Contestant, type Difference } from './fuzz/contest.ts'
import { Endpoint } from './fuzz/endpoint.ts'
import { specOf } from './fuzz/model-spec.ts'
import { modelShape } from './fuzz/models.ts'
import { Reference } from './fuzz/reference.ts'
import { report, summary } from './fuzz/report.ts'
import { temporaryFolder, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { mlflowPython } from './support/mlflow-python.ts'

/** The same requests again: the seed that a run prints. */
const SEED = Number(process.env.BATON_FUZZ_SEED ?? Date.now() % 2 ** 31)
const MODELS = Number(process.env.BATON_FUZZ_MODELS ?? 120)
const REQUESTS_PER_MODEL = Number(process.env.BATON_FUZZ_REQUESTS ?? 100)
/** Only this model, and with BATON_FUZZ_PATH only this request: both are in the report of a difference. */
const ONLY = process.env.BATON_FUZZ_MODEL
const PATH = process.env.BATON_FUZZ_PATH
const AT_ONCE = 6

describe.skipIf(whyNotHere('mlflow.sh') !== undefined)('MLflow and Baton answer alike', () => {
  const cleanup = new Cleanup()
  let contest: Contest
  const contestants: Contestant[] = fc
    .sample(modelShape, { seed: SEED, numRuns: MODELS })
    .map((shape, i) => {
      const name = `m${i}`
      return { spec: specOf(name, shape), shape, seed: (SEED + i) | 0 }
    })
    .filter(({ spec }) => ONLY === undefined || spec.name === ONLY)

  beforeAll(async () => {
    const folder = cleanup.add(await temporaryFolder('fuzz'), (it) => rm(it, { recursive: true }))
    const registry = path.join(folder, 'models')
    await mkdir(registry)
    const specs = contestants.map(({ spec }) => spec)
    const python = await mlflowPython()
    const reference = cleanup.add(await Reference.start(python, specs, folder, registry), (it) =>
      it.stop(),
    )
    const env = { BATON_LOG_LEVEL: 'error' }
    const flags = ['--registry-uri', registry]
    const baton = cleanup.add(await Baton.start({ env, flags }), (it) => it.remove())
    const mlflow = cleanup.add(new Endpoint(reference.url, AT_ONCE), (it) => it.close())
    const ours = cleanup.add(new Endpoint(baton.url, AT_ONCE), (it) => it.close())
    contest = new Contest(mlflow, ours)
  })
  afterAll(() => cleanup.run())

  test(`random requests, seed ${SEED}`, async () => {
    const differences: Difference[] = []
    const waiting = [...contestants]
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const difference = await contest.run(next, REQUESTS_PER_MODEL, PATH)
        if (difference !== undefined) differences.push(difference)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    process.stderr.write(`${summary(contest, SEED)}\n`)
    expect(differences.map((it) => report(SEED, it)).join('\n\n')).toBe('')
    if (ONLY !== undefined) return
    expect(contest.requests).toBeGreaterThanOrEqual(MODELS * REQUESTS_PER_MODEL * 0.95)
    // Half the effort would be lost on requests that are refused for their form.
    expect(contest.statuses.get(200)).toBeGreaterThan(contest.requests / 4)
  })
})
