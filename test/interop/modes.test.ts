import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Backend, type Environment, freePort, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { Load } from './support/load.ts'
import { MlflowServer } from './support/mlflow.ts'

const NAME = 'affine'
const ALIAS = 'champion'
const MOVES = 20
const WEBHOOK_SECRET = 'interop-webhook-secret'

interface Mode {
  readonly name: string
  readonly words: readonly string[]
  readonly s3?: boolean
  /** Whether Baton reads the bucket itself. */
  readonly direct?: boolean
  /** How Baton comes to know of a move: by itself, because it was asked to look, or by MLflow's webhook. */
  readonly told: 'poll' | 'refresh' | 'webhook'
}

const MODES: readonly Mode[] = [
  { name: 'SQLite, artifacts through the server', words: ['sqlite'], told: 'poll' },
  {
    name: 'PostgreSQL, artifacts in S3 through the server',
    words: ['postgres', 's3', 'proxied'],
    s3: true,
    told: 'refresh',
  },
  {
    name: 'PostgreSQL, artifacts in S3 directly',
    words: ['postgres', 's3', 'direct'],
    s3: true,
    direct: true,
    told: 'refresh',
  },
  { name: 'basic authentication', words: ['sqlite', 'auth'], told: 'refresh' },
  { name: 'webhooks', words: ['sqlite', 'webhooks'], told: 'webhook' },
]

const ROWS = [
  [5.1, 3.5, 1.4, 0.2],
  [0, -1, 1e-3, 16],
  [6.25, 2, 4, 1.5],
]
const BODIES: Readonly<Record<string, unknown>> = {
  'inputs by name': { inputs: { x: ROWS } },
  'inputs without a name': { inputs: ROWS },
  instances: { instances: ROWS },
  'one row': { inputs: { x: [[1, 2, 3, 4]] } },
  'whole numbers and null params': { inputs: { x: [[1, 2, 3, 4]] }, params: null },
  'a wrong width': { inputs: { x: [[1, 2, 3]] } },
  'a wrong name': { inputs: { z: ROWS } },
  'no input field': { x: ROWS },
}

describe.skipIf(whyNotHere('mlflow.sh', 's3.sh', 'register.py')).each(MODES)(
  '$name',
  ({ words, s3, direct, told }) => {
    const cleanup = new Cleanup()
    let mlflow: MlflowServer
    let baton: Baton

    beforeAll(async () => {
      const bucket = s3 ? cleanup.add(await Backend.start('s3.sh'), (it) => it.remove()) : undefined
      mlflow = cleanup.add(await MlflowServer.start(words, bucket?.env), (it) => it.remove())
      const port = await freePort()
      const webhook: Record<string, string> = {}
      if (told === 'webhook') {
        await mlflow.createWebhook(`http://127.0.0.1:${port}/webhooks/mlflow`, WEBHOOK_SECRET)
        webhook.BATON_WEBHOOK_SECRET = WEBHOOK_SECRET
      }
      expect([await mlflow.register(NAME), await mlflow.register(NAME)]).toEqual(['1', '2'])
      await mlflow.setAlias(NAME, ALIAS, '1')
      const env: Environment = {
        ...mlflow.clientEnv,
        ...(direct ? bucket?.env : {}),
        ...webhook,
        MODEL_NAME: NAME,
        MODEL_ALIAS: ALIAS,
        // So that every move loads the version it moves to.
        BATON_PROBATION: '0',
      }
      baton = cleanup.add(await Baton.start({ env, port }), (it) => it.remove())
    })
    afterAll(() => cleanup.run())

    async function move(version: string): Promise<void> {
      await mlflow.setAlias(NAME, ALIAS, version)
      if (told === 'refresh') await baton.json(`/models/${NAME}/refresh`, { method: 'POST' })
    }

    test('predicts what `mlflow models serve` predicts', async () => {
      const scoring = await mlflow.serve(`models:/${NAME}@${ALIAS}`)
      try {
        for (const [what, body] of Object.entries(BODIES)) {
          const [theirs, ours] = [await scoring.predict(body), await baton.predict(body)]
          expect(ours.status, what).toBe(theirs.status)
          const [expected, received] = [JSON.parse(theirs.text), JSON.parse(ours.text)]
          if (theirs.status === 200) expect(received, what).toEqual(expected)
          else expect(received.error_code, what).toBe(expected.error_code)
        }
      } finally {
        await scoring.remove()
      }
    })

    test(`hands over ${MOVES} times under load, and loses nothing`, async () => {
      const load = Load.start(baton.url, 280)
      await load.settledOn('1')
      await load.answered(10_000)
      for (let moved = 1; moved <= MOVES; moved++) {
        const version = moved % 2 === 1 ? '2' : '1'
        await move(version)
        await load.settledOn(version)
      }
      const report = await load.stop()
      expect(report.wrong).toEqual([])
      expect(report).toMatchObject({ non2xx: 0, errors: 0 })
      expect([...report.byVersion.keys()].sort()).toEqual(['1', '2'])
      // These models are too small to be seen in memory: memory.test.ts holds those of 32 MiB to it.
      await baton.hasOneVersion(NAME)
    })

    test('drains on SIGTERM and ends with status 0', async () => {
      expect(await baton.stop()).toEqual({ status: 0, signal: null })
      expect(baton.output).not.toMatch(/^\s+at .*:\d+:\d+/m)
    })
  },
)
