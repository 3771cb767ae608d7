import { afterEach, describe, expect, test } from 'vitest'
import type { Baton } from '../interop/support/baton.ts'
import { eventually } from '../interop/support/eventually.ts'
import { Clients, type ClientsReport } from './support/clients.ts'
import { localModels, serveLocal } from './support/local-models.ts'
import { faultRow, nothingLost, Scene } from './support/scene.ts'

const ORDER = 4
const HOUR_MS = 3_600_000

let scene = new Scene()
afterEach(async () => {
  await scene.cleanup.run()
  scene = new Scene()
})

/** Expects that only what such a loss explains was lost, and says so for the table. */
function lostOnly({ answers, lost, losses, wrong }: ClientsReport, why: RegExp): string {
  expect(wrong).toEqual([])
  for (const loss of losses) expect(loss).toMatch(why)
  const statuses = [...new Set(losses.map((loss) => loss.slice(0, 3)))]
  return lost === 0
    ? `${answers} answers, 0 lost`
    : `${answers} answers, ${lost} of them ${statuses.join(', ')}`
}

const workersLost = (baton: Baton, reason: string) =>
  eventually(`a worker lost: ${reason}`, async () => {
    const count = await baton.metric('baton_workers_lost_total', `reason="${reason}"`)
    return count === undefined || count === 0 ? undefined : count
  })

describe('a worker thread', () => {
  test.each([
    { harm: 'throw', fault: 'throws outside of a request' },
    { harm: 'exit', fault: 'exits' },
    { harm: 'memory', fault: 'runs out of memory (64 MiB of heap)' },
  ])('that $fault is replaced', async ({ harm, fault }) => {
    const { root } = await localModels(scene, 'affine-1')
    const baton = await serveLocal(scene, root, { DISTURB_HEAP_MB: '64' })
    const clients = scene.clients(baton)
    await clients.settledOn('1')
    baton.tell(harm)
    expect(await workersLost(baton, 'exited')).toBe(1)
    await clients.answered(100)
    const seen = nothingLost(await clients.stop())
    expect((await fetch(`${baton.url}/readyz`)).status).toBe(200)
    await faultRow(ORDER, {
      fault: `A worker thread that ${fault}`,
      clients: `${seen}; a request from 4 KiB on that the thread was running would be answered 503`,
      logged: baton.logged('worker thread'),
      recovered: 'a new thread loaded the model; what waited was answered by it',
    })
  })

  test('that hangs in native code is abandoned and replaced, and the server can still be stopped', async () => {
    const { root } = await localModels(scene, 'slow')
    const timeout = { MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT: '1s' }
    const baton = await serveLocal(scene, root, timeout)
    const clients = scene.cleanup.add(countClients(baton), (it) => it.stop())
    await clients.answered(20)
    const hanging = await baton.predict({ inputs: { count: [1e13] } })
    expect(hanging.status).toBe(504)
    expect(await workersLost(baton, 'hung')).toBe(1)
    await clients.answered(40)
    const report = await clients.stop()
    const started = performance.now()
    const end = await baton.stop()
    const seconds = (performance.now() - started) / 1000
    // Nothing but SIGKILL ends a native run; the drain timeout is 3 s.
    expect(end).toMatchObject({ signal: 'SIGKILL' })
    expect(seconds).toBeLessThan(6)
    await faultRow(ORDER, {
      fault: 'A worker thread that hangs in a native run, with `--timeout 1s`',
      clients: `the request that hung: 504; beside it ${lostOnly(report, /^50[34]: /)} while they waited for the thread`,
      logged: baton.logged('worker thread'),
      recovered: `a new thread loaded the model after twice the time limit; SIGTERM ended the process within ${Math.ceil(seconds)} s, with the run still going`,
    })
  })
})

test('a clock that jumps back an hour, and forward a day, changes nothing', async () => {
  const { root, setAlias } = await localModels(scene, 'affine-1', 'affine-2')
  const baton = await serveLocal(scene, root)
  const clients = scene.clients(baton)
  await clients.settledOn('1')
  baton.tell(`clock ${-HOUR_MS}`)
  await setAlias('2')
  await clients.settledOn('2')
  baton.tell(`clock ${25 * HOUR_MS}`)
  await setAlias('1')
  await clients.settledOn('1')
  await faultRow(ORDER, {
    fault: 'Clock set back an hour, then forward a day',
    clients: nothingLost(await clients.stop()),
    logged: baton.logged('hand-over swapped'),
    recovered:
      'polls, deadlines and back-offs run by the monotonic clock: both moves were carried out at once',
  })
})

/** Clients of the model that counts to what it is given. */
function countClients(baton: Baton): Clients {
  return Clients.start({
    url: `${baton.url}/invocations`,
    count: 2,
    pauseMs: 20,
    ask: () => ({
      body: JSON.stringify({ inputs: { count: [3] } }),
      whyWrong: (_version, predictions) =>
        JSON.stringify(predictions) === '{"done":[3]}' ? undefined : JSON.stringify(predictions),
    }),
  })
}
