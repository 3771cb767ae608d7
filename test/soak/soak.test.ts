import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomRows, whyWrong } from '../faults/bad-versions/classifier.ts'
import { type Family, ONNX, TFJS } from '../faults/bad-versions/families.ts'
import { Clients, type ClientsReport } from '../faults/support/clients.ts'
import { addRow, readTables, writeTables } from '../faults/support/table.ts'
import { Baton } from '../interop/support/baton.ts'
import { Cleanup } from '../interop/support/cleanup.ts'
import { eventually } from '../interop/support/eventually.ts'
import { median } from '../interop/support/median.ts'
import { type ProcessFacts, processFacts } from './process-facts.ts'

const MINUTES = Number(process.env.BATON_SOAK_MINUTES ?? 10)
const HAND_OVER_EVERY_MS = 2_000
const HAND_OVERS = Math.round((MINUTES * 60_000) / HAND_OVER_EVERY_MS)
/** Each scrape starts a new histogram: ten hand-overs have enough samples for a percentile. */
const SCRAPE_EVERY = 10
/** Interval at which the process samples its event loop, which is part of what it reports. */
const LOOP_SAMPLE_MS = 50
const VERSIONS = 4

/** A model under load. Every answer of every version is known. */
interface SoakedModel extends Family {
  readonly name: string
}

const MODELS: readonly SoakedModel[] = [
  { name: 'scores-onnx', ...ONNX },
  { name: 'scores-tfjs', ...TFJS },
]

/** Clients of each model: connections, pause after an answer, and rows of a request. */
const TRAFFIC = [
  { what: 'small', count: 4, pauseMs: 10, rows: 1 },
  { what: 'rows', count: 2, pauseMs: 20, rows: 32 },
  { what: 'large', count: 1, pauseMs: 200, rows: 2000 },
] as const

interface Sample extends ProcessFacts {
  readonly handOver: number
}

describe(`${HAND_OVERS} hand-overs in ${MINUTES} minutes under mixed load`, () => {
  const cleanup = new Cleanup()
  const clients = new Map<string, readonly Clients[]>()
  const samples: Sample[] = []
  const loopLagMs: number[] = []
  let registry: string
  let baton: Baton
  let reports: readonly ClientsReport[] = []

  beforeAll(async () => {
    registry = cleanup.add(await mkdtemp(path.join(tmpdir(), 'baton-soak-')), (it) =>
      rm(it, { recursive: true, force: true }),
    )
    for (const { name, write } of MODELS) {
      for (let version = 1; version <= VERSIONS; version += 1) {
        write(path.join(registry, name, String(version)), version)
      }
      moveAlias(name, 1)
    }
    baton = cleanup.add(await Baton.start({ env: { MLFLOW_REGISTRY_URI: registry } }), (it) =>
      it.remove(),
    )
    for (const model of MODELS) clients.set(model.name, startClients(model))
    await soak()
    reports = await Promise.all([...clients.values()].flat().map((it) => it.stop()))
    await tell()
  }, 7_200_000)
  afterAll(() => cleanup.run())

  function moveAlias(model: string, version: number): void {
    const folder = path.join(registry, model)
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, 'aliases.yaml'), `champion: ${version}\n`)
  }

  function startClients({ name, inputs }: SoakedModel): readonly Clients[] {
    const url = `${baton.url}/models/${name}/invocations`
    return TRAFFIC.map(({ count, pauseMs, rows: size }) => {
      const ask = () => {
        const rows = randomRows(size)
        return {
          body: JSON.stringify({ inputs: inputs(rows) }),
          whyWrong: (version: string, predictions: unknown) => whyWrong(rows, version, predictions),
        }
      }
      return cleanup.add(Clients.start({ url, count, pauseMs, ask }), (it) => it.stop())
    })
  }

  /** Moves one model's alias after the other, at a steady pace. */
  async function soak(): Promise<void> {
    const startedAt = performance.now()
    for (let handOver = 0; handOver < HAND_OVERS; handOver += 1) {
      const { name } = MODELS[handOver % MODELS.length] ?? (MODELS[0] as SoakedModel)
      const version = ((Math.floor(handOver / MODELS.length) + 1) % VERSIONS) + 1
      moveAlias(name, version)
      await Promise.all(
        (clients.get(name) ?? []).map((it) => it.settledOn(String(version), 60_000)),
      )
      await onlyItselfRuns()
      samples.push({ handOver, ...(await processFacts(baton.pid)) })
      if (handOver % SCRAPE_EVERY === 0) {
        const seconds = await baton.metric('nodejs_eventloop_lag_p99_seconds')
        loopLagMs.push(Number(seconds) * 1000 - LOOP_SAMPLE_MS)
      }
      const due = startedAt + (handOver + 1) * HAND_OVER_EVERY_MS
      await delay(Math.max(0, due - performance.now()))
    }
  }

  /** Resolves once the process of the trial is gone: what is counted then is what stays. */
  const onlyItselfRuns = () =>
    eventually('the trial to end', async () =>
      (await processFacts(baton.pid)).children === 0 ? true : undefined,
    )

  /** Medians over the second and the last tenth of the hand-overs. */
  function tenths(of: keyof ProcessFacts): readonly [second: number, last: number] {
    const tenth = Math.max(1, Math.floor(samples.length / 10))
    const values = samples.map((sample) => sample[of])
    return [median(values.slice(tenth, 2 * tenth)), median(values.slice(-tenth))]
  }

  test('lose no request and spoil no answer', () => {
    for (const report of reports) expect(report).toMatchObject({ lost: 0, losses: [], wrong: [] })
    const [versions] = reports.map((report) => [...report.byVersion.keys()].sort())
    expect(versions).toEqual(['1', '2', '3', '4'])
  })

  test('leave memory as it was, within a tenth', () => {
    const [second, last] = tenths('residentBytes')
    expect(last).toBeLessThan(second * 1.1)
  })

  // What is left behind by each hand-over would be there hundreds of times.
  test('leave threads and open files as they were, within a tenth', () => {
    for (const what of ['threads', 'openFiles'] as const) {
      const [second, last] = tenths(what)
      expect(last, what).toBeLessThan(second * 1.1)
    }
  })

  /** Writes what was measured: printed, and into docs/reliability.md where BATON_WRITE_TABLES=1 says so. */
  async function tell(): Promise<void> {
    const sum = (of: (report: ClientsReport) => number) =>
      reports.reduce((total, report) => total + of(report), 0)
    const mebibytes = tenths('residentBytes').map((bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`)
    const rows = [
      ['Hand-overs', `${samples.length} in ${MINUTES} minutes, two models`],
      ['Requests answered', String(sum((it) => it.answers))],
      ['Requests lost', String(sum((it) => it.lost))],
      ['Wrong answers', String(sum((it) => it.wrong.length))],
      ['Resident memory, median of second and last tenth', mebibytes.join(', ')],
      ['Threads, likewise', tenths('threads').join(', ')],
      ['Open files, likewise', tenths('openFiles').join(', ')],
      [
        'Event-loop lag, p99 of 20 s: median, worst',
        `${median(loopLagMs).toFixed(1)} ms, ${Math.max(...loopLagMs).toFixed(1)} ms`,
      ],
    ]
    const file = path.join(registry, 'rows.jsonl')
    for (const [order, cells] of rows.entries()) await addRow(file, { table: 'soak', order, cells })
    const tables = await readTables(file)
    process.stdout.write(`\n${tables.get('soak')}\n`)
    if (process.env.BATON_WRITE_TABLES === '1') await writeTables(tables)
  }
})
