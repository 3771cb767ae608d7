import { expect } from 'vitest'
import type { Baton } from '../../interop/support/baton.ts'
import { eventually } from '../../interop/support/eventually.ts'
import { Clients, type ClientsReport } from '../support/clients.ts'
import { row } from '../support/scene.ts'
import { type Rows, randomRows, whyWrong } from './classifier.ts'
import { ONNX } from './families.ts'
import { type BadVersion, TAKEN_BACK } from './kinds.ts'

/** A model that is served, with a good version 1, a bad version 2 and a good version 3. */
export interface Place {
  readonly baton: Baton
  readonly model: string
  readonly moveAlias: (version: string) => Promise<void>
}

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

/** What became of version 2, for the table. */
interface Fate {
  readonly where: string
  readonly message: string
}

const CLIENTS = 4
const PAUSE_MS = 5

/** Answers before the alias moves, so that there is traffic to rehearse with, and after a version was taken. */
const ENOUGH = 100

/**
 * Moves the alias from 1 to the bad version and on to 3 while clients ask, and expects of each step what the kind of
 * bad version says. Every answer is checked throughout.
 */
export async function playOut(bad: BadVersion, place: Place): Promise<Fate & ClientsReport> {
  const { outcome } = bad
  let rows = bad.rows ?? someRows
  const clients = startClients(bad, place, () => rows())
  try {
    await clients.settledOn('1')
    await clients.answered(ENOUGH)
    await place.moveAlias('2')
    if (outcome.is === 'taken back') {
      await clients.settledOn('2')
      rows = outcome.rowsAfterwards
    }
    const fate =
      outcome.is === 'served'
        ? await served(outcome.obstacle, place, clients)
        : await refused(outcome.is === 'refused' ? outcome : { ...outcome, ...TAKEN_BACK }, place)
    if (outcome.is !== 'served') await clients.settledOn('1')
    await place.moveAlias('3')
    await clients.settledOn('3')
    const report = await clients.stop()
    expect(report.wrong).toEqual([])
    if (outcome.is !== 'taken back') expect(report).toMatchObject({ lost: 0, losses: [] })
    if (outcome.is === 'refused') expect([...report.byVersion.keys()].sort()).toEqual(['1', '3'])
    return { ...fate, ...report }
  } finally {
    await clients.stop()
  }
}

/** Writes a row of the table. */
export async function tell(
  order: number,
  kind: string,
  { where, message, lost, answers }: Fate & ClientsReport,
): Promise<void> {
  const saw = `${lost} of ${answers + lost} requests lost, 0 answers wrong`
  await row('bad-versions', order, kind, where, message, lost === 0 ? '0 lost, 0 wrong' : saw)
}

/** It serves, and its requests run alone. */
async function served(obstacle: RegExp, place: Place, clients: Clients): Promise<Fate> {
  await clients.settledOn('2')
  await clients.answered(ENOUGH)
  const { versions } = await factsOf(place)
  const batching = versions.find(({ version }) => version === '2')?.batching
  expect(batching?.enabled).toBe(false)
  expect(batching?.reason).toMatch(obstacle)
  return { where: 'served unbatched', message: batching?.reason ?? '' }
}

/** `/models` says at which stage it failed and why, once it has failed. */
async function refused(
  expected: { readonly code: string; readonly message: RegExp; readonly stage?: string },
  place: Place,
): Promise<Fate> {
  const failure = await eventually('version 2 to fail', async () => {
    const { versions, refs } = await factsOf(place)
    return versions.find(({ version }) => version === '2')?.failure ?? refs[0]?.error
  })
  expect(failure.message).toMatch(expected.message)
  expect(failure).toMatchObject({ code: expected.code })
  expect(failure.stage).toBe(expected.stage)
  return { where: `${failure.stage ?? 'registry'}, \`${failure.code}\``, message: failure.message }
}

async function factsOf({ baton, model }: Place): Promise<ModelFacts> {
  return (await baton.json(`/models/${model}`)) as ModelFacts
}

function startClients({ family = ONNX }: BadVersion, { baton, model }: Place, next: () => Rows) {
  const ask = () => {
    const rows = next()
    return {
      body: JSON.stringify({ inputs: family.inputs(rows) }),
      whyWrong: (version: string, predictions: unknown) => whyWrong(rows, version, predictions),
    }
  }
  const url = `${baton.url}/models/${model}/invocations`
  return Clients.start({ url, count: CLIENTS, pauseMs: PAUSE_MS, ask })
}

const someRows = (): Rows => randomRows(1 + Math.floor(Math.random() * 3))
