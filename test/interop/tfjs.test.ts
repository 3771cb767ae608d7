import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Backend, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'
import { Load } from './support/load.ts'
import { median } from './support/median.ts'
import { MlflowServer } from './support/mlflow.ts'

const NAME = 'affine'
const ALIAS = 'champion'
const MOVES = 20

describe.skipIf(whyNotHere('mlflow.sh', 's3.sh', 'register.py'))(
  'TensorFlow.js models, logged by the helper, artifacts in S3',
  () => {
    const cleanup = new Cleanup()
    let mlflow: MlflowServer
    let baton: Baton

    beforeAll(async () => {
      const bucket = cleanup.add(await Backend.start('s3.sh'), (it) => it.remove())
      const words = ['sqlite', 's3', 'direct']
      mlflow = cleanup.add(await MlflowServer.start(words, bucket.env), (it) => it.remove())
      expect(await mlflow.registerTfjs(NAME, 1)).toBe('1')
      expect(await mlflow.registerTfjs(NAME, 2)).toBe('2')
      expect(await mlflow.register(NAME)).toBe('3')
      await mlflow.setAlias(NAME, ALIAS, '1')
      const names = { MODEL_NAME: NAME, MODEL_ALIAS: ALIAS, BATON_WORKERS: '1' }
      // Answers of the two flavors have different forms, which no client would be given unasked.
      const accepted = { BATON_ACCEPT_CONTRACT: 'breaking', BATON_REHEARSAL_ALLOW: 'shape,kind' }
      const env = {
        ...mlflow.clientEnv,
        ...bucket.env,
        ...names,
        ...accepted,
        BATON_PROBATION: '0',
      }
      baton = cleanup.add(await Baton.start({ env }), (it) => it.remove())
    })
    afterAll(() => cleanup.run())

    async function move(version: string): Promise<void> {
      await mlflow.setAlias(NAME, ALIAS, version)
      await baton.json(`/models/${NAME}/refresh`, { method: 'POST' })
    }

    /** Memory once the worker of the version before has ended. */
    async function settledBytes(): Promise<number> {
      const one = async () => (await baton.metric('baton_workers')) === 1 || undefined
      await eventually('the worker of the old version to end', one)
      return baton.residentBytesBesideHeap()
    }

    test.each([
      ['two TensorFlow.js versions', '2'],
      ['TensorFlow.js and ONNX', '3'],
    ])(`hand over ${MOVES} times under load between %s, in flat memory`, async (_, other) => {
      const load = Load.start(baton.url, 280)
      await load.settledOn('1')
      await load.answered(10_000)
      // A single reading swings by a tenth: garbage that nobody had a reason to collect yet.
      const bytes: number[] = []
      for (let moved = 1; moved <= MOVES; moved++) {
        const version = moved % 2 === 1 ? other : '1'
        await move(version)
        await load.settledOn(version)
        if (moved % 2 === 0) bytes.push(await settledBytes())
      }
      const report = await load.stop()
      expect(report.wrong).toEqual([])
      expect(report).toMatchObject({ non2xx: 0, errors: 0 })
      expect([...report.byVersion.keys()].sort()).toEqual(['1', other])
      expect(median(bytes.slice(-4))).toBeLessThan(median(bytes.slice(0, 4)) * 1.1)
    })

    test('drain on SIGTERM and end with status 0', async () => {
      expect(await baton.stop()).toEqual({ status: 0, signal: null })
    })
  },
)
