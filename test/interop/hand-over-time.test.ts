import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'
import { MlflowServer } from './support/mlflow.ts'
import { Relay } from './support/relay.ts'

const NAME = 'affine'
const SECRET = 'interop-webhook-secret'
/** The default; jitter makes polls sooner, never later. */
const POLL_MS = 5_000
/** One registry call, the download from the server next door, the load and the warm-up. */
const LOAD_MS = 1_500

describe.skipIf(whyNotHere('mlflow.sh', 'register.py'))(
  'from the alias to the first answer',
  () => {
    const cleanup = new Cleanup()
    let mlflow: MlflowServer
    let relay: Relay
    let port: number

    beforeAll(async () => {
      mlflow = cleanup.add(await MlflowServer.start(['sqlite', 'webhooks']), (it) => it.remove())
      port = await freePort()
      relay = cleanup.add(await Relay.start(`http://127.0.0.1:${port}/webhooks/mlflow`), (it) =>
        it.close(),
      )
      await mlflow.createWebhook(relay.url, SECRET)
      for (const version of ['1', '2', '3', '4']) expect(await mlflow.register(NAME)).toBe(version)
      await mlflow.setAlias(NAME, 'champion', '1')
    })
    afterAll(() => cleanup.run())

    const env = () => ({ ...mlflow.clientEnv, MODEL_NAME: NAME, MODEL_ALIAS: 'champion' })

    /** Resolves with the time of the first answer that this version gave. */
    const firstAnswer = (baton: Baton, version: string) =>
      eventually(`an answer from version ${version}`, async () => {
        const answer = await baton.predict({ inputs: { x: [[1, 2, 3, 4]] } })
        expect(answer.status).toBe(200)
        return answer.version === version ? performance.now() : undefined
      })

    // Each version is new to the process: what is measured holds the download and the load.
    test('takes no longer than the poll interval and the load', async () => {
      const baton = cleanup.add(await Baton.start({ env: env() }), (it) => it.remove())
      for (const version of ['2', '3', '4']) {
        await mlflow.setAlias(NAME, 'champion', version)
        const movedMs = performance.now()
        expect((await firstAnswer(baton, version)) - movedMs).toBeLessThan(POLL_MS + LOAD_MS)
      }
      await baton.stop()
    })

    test('takes less than a second from the arrival of the webhook, however rare the polls', async () => {
      await mlflow.setAlias(NAME, 'champion', '1')
      const baton = cleanup.add(
        await Baton.start({
          env: { ...env(), BATON_WEBHOOK_SECRET: SECRET, BATON_POLL_INTERVAL: '1h' },
          port,
        }),
        (it) => it.remove(),
      )
      for (const version of ['2', '3', '4']) {
        const before = relay.deliveries.length
        await mlflow.setAlias(NAME, 'champion', version)
        const answeredMs = await firstAnswer(baton, version)
        const [delivery] = relay.deliveries.slice(before).filter(({ status }) => status < 300)
        expect(delivery).toBeDefined()
        expect(answeredMs - (delivery?.arrivedMs ?? 0)).toBeLessThan(1000)
      }
      expect(await baton.metric('baton_registry_webhooks_total', 'result="accepted"')).toBe(3)
    })

    test('a webhook with another secret moves nothing and is counted', async () => {
      const response = await fetch(relay.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-mlflow-signature': 'v1,AAAA' },
        body: '{}',
      })
      expect(response.status).toBe(401)
    })
  },
)
