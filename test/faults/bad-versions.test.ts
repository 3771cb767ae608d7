import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Baton } from '../interop/support/baton.ts'
import { Cleanup } from '../interop/support/cleanup.ts'
import { eventually } from '../interop/support/eventually.ts'
import { type Rows, randomRows, whyWrong, writeGoodVersion } from './bad-versions/classifier.ts'
import { BAD_VERSIONS, type BadVersion } from './bad-versions/kinds.ts'
import { Clients, type ClientsReport, type Question } from './support/clients.ts'
import { row } from './support/scene.ts'

/** As much of `/models/{name}` as is looked at here. */
interface ModelFacts {
  readonly refs: readonly { readonly error?: Failure }[]
  readonly versions: readonly {
    readonly version: string
    readonly batching?: { readonly enabled: boolean; readonly reason?: string }
    readonly failure?: Failure
  }[]
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly stage?: string
}

/** Short times and small limits, so that every stage decides within seconds. */
const SETTINGS = {
  BATON_POLL_INTERVAL: '100ms',
  BATON_TRIAL_TIMEOUT: '5s',
  BATON_TRIAL_MEMORY: '512MiB',
}

/** Requests that are to be on record before the next version comes. */
const RECORDED = 100

describe('with a folder as registry', () => {
  const cleanup = new Cleanup()
  let registry: string
  let baton: Baton

  beforeAll(async () => {
    registry = cleanup.add(await mkdtemp(path.join(tmpdir(), 'baton-bad-versions-')), (it) =>
      rm(it, { recursive: true, force: true }),
    )
    for (const { kind, write } of BAD_VERSIONS) {
      const folder = (version: number) => path.join(registry, nameOf(kind), String(version))
      writeGoodVersion(folder(1), 1)
      write(folder(2))
      writeGoodVersion(folder(3), 3)
      moveAlias(kind, 1)
    }
    baton = cleanup.add(
      await Baton.start({ env: { ...SETTINGS, MLFLOW_REGISTRY_URI: registry } }),
      (it) => it.remove(),
    )
  })
  afterAll(() => cleanup.run())

  function moveAlias(kind: string, version: number): void {
    const folder = path.join(registry, nameOf(kind))
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, 'aliases.yaml'), `champion: ${version}\n`)
  }

  /** Four clients with one to three rows a request, unless the kind has rows of its own. */
  function clientsOf({ kind, rows = someRows }: BadVersion, now: () => (() => Rows) | undefined) {
    const url = `${baton.url}/models/${nameOf(kind)}/invocations`
    const ask = () => question((now() ?? rows)())
    return cleanup.add(Clients.start({ url, count: 4, pauseMs: 5, ask }), (it) => it.stop())
  }

  const factsOf = async (kind: string) =>
    (await baton.json(`/models/${nameOf(kind)}`)) as ModelFacts

  /** Resolves once `/models` says why a version is not served, whatever the reason is. */
  const failureOf = (kind: string, version: string) =>
    eventually(`${kind}: version ${version} to fail`, async () => {
      const { versions, refs } = await factsOf(kind)
      return versions.find((it) => it.version === version)?.failure ?? refs[0]?.error
    })

  test.each(BAD_VERSIONS.map((bad, order) => [bad.kind, bad, order] as const))(
    '%s',
    async (kind, bad, order) => {
      const { outcome } = bad
      let rowsNow: (() => Rows) | undefined
      const clients = clientsOf(bad, () => rowsNow)
      await clients.settledOn('1')
      await clients.answered(RECORDED)
      moveAlias(kind, 2)

      if (outcome.is === 'served') {
        await clients.settledOn('2')
        await clients.answered(RECORDED)
        const { versions } = await factsOf(kind)
        const batching = versions.find((it) => it.version === '2')?.batching
        expect(batching?.enabled).toBe(false)
        expect(batching?.reason).toMatch(outcome.obstacle)
        moveAlias(kind, 3)
        await clients.settledOn('3')
        const report = await clients.stop()
        expect(report).toMatchObject({ lost: 0, losses: [], wrong: [] })
        await tell(order, kind, 'served, unbatched', batching?.reason ?? '', report)
        return
      }

      if (outcome.is === 'taken back') {
        await clients.settledOn('2')
        rowsNow = outcome.rowsAfterwards
      }
      const failure = await failureOf(kind, '2')
      expect(failure.code).toBe(outcome.code)
      expect(failure.message).toMatch(outcome.message)
      await clients.settledOn('1')
      moveAlias(kind, 3)
      await clients.settledOn('3')
      const report = await clients.stop()
      expect(report.wrong).toEqual([])
      if (outcome.is === 'refused') {
        expect(failure.stage).toBe(outcome.stage)
        expect(report).toMatchObject({ lost: 0, losses: [] })
        expect([...report.byVersion.keys()].sort()).toEqual(['1', '3'])
      }
      const where = outcome.is === 'refused' ? (outcome.stage ?? 'registry') : 'probation'
      await tell(order, kind, `${where}, \`${failure.code}\``, failure.message, report)
    },
  )
})

/** Writes a row of the table. */
async function tell(
  order: number,
  kind: string,
  where: string,
  message: string,
  { lost }: ClientsReport,
): Promise<void> {
  await row('bad-versions', order, kind, where, message, `${lost} lost, 0 wrong`)
}

function question(rows: Rows): Question {
  return {
    body: JSON.stringify({ inputs: { x: rows } }),
    whyWrong: (version, predictions) => whyWrong(rows, version, predictions),
  }
}

const someRows = (): Rows => randomRows(1 + Math.floor(Math.random() * 3))

/** A model's name in the registry. */
function nameOf(kind: string): string {
  return kind.toLowerCase().replaceAll(/\W+/g, '-')
}
