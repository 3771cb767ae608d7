import { readFile, writeFile } from 'node:fs/promises'
import type { BenchContext, Case } from './cases/case.ts'
import { codecsCase } from './cases/codecs.ts'
import { httpCase } from './cases/http-case.ts'
import type { LoadName } from './load/load.ts'
import type { CaseReport } from './report/report.ts'

const RATIOS = new URL('./ratios.json', import.meta.url)

/** A ratio may fall by this share of the recorded one before the check fails. */
const MAY_FALL = 0.2

const PAIR = ['floor', 'baton'] as const
const CASES = [
  httpCase('iris', '', PAIR, [{ rows: 1, connections: [64] }]),
  httpCase('mlp', '', PAIR, [{ rows: 1, connections: [64] }]),
  httpCase('image', '', PAIR, [{ rows: 1, connections: [1] }]),
  codecsCase,
]

/**
 * By the best CPU time a request, because a machine that others use gives rates that mean nothing; against JSON for the
 * codecs.
 */
const FIGURES = ['x floor by best CPU', 'x JSON'] as const
const CODECS_KEPT = /^(read inputs|write), 64 /

/** A neighbour that is busy for a minute lowers a ratio, but hardly three times. */
const TRIES = 3

type Ratios = Readonly<Record<string, number>>

/** By load generator: what keeps a server less busy makes its batches smaller. */
type Recorded = Readonly<Partial<Record<LoadName, Ratios>>>

/** Measures the few ratios that are recorded and writes them to the file that later runs are held to. */
export async function recordRatios(context: BenchContext): Promise<void> {
  const measured: Ratios[] = []
  for (const one of CASES) measured.push(await ratiosOf(one, context))
  const rounded = Object.entries(Object.assign({}, ...measured) as Ratios).map(([name, value]) => [
    name,
    Number(value.toFixed(2)),
  ])
  const others = JSON.parse(await readFile(RATIOS, 'utf8')) as Recorded
  const all: Recorded = { ...others, [context.load]: Object.fromEntries(rounded) }
  await writeFile(RATIOS, `${JSON.stringify(all, null, 2)}\n`)
}

/** Prints each ratio beside the recorded one; false where one fell too far, however often it was measured. */
export async function checkRatios(context: BenchContext): Promise<boolean> {
  const { [context.load]: recorded = {} } = JSON.parse(await readFile(RATIOS, 'utf8')) as Recorded
  const best: Record<string, number> = {}
  const fell = (name: string) => (best[name] ?? 0) < (recorded[name] ?? 0) * (1 - MAY_FALL)
  for (const one of CASES) {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const ratios = await ratiosOf(one, context)
      for (const [name, ratio] of Object.entries(ratios)) {
        best[name] = Math.max(ratio, best[name] ?? 0)
      }
      if (!Object.keys(ratios).some(fell)) break
    }
  }
  for (const [name, then] of Object.entries(recorded)) {
    console.log(
      `${fell(name) ? 'FELL' : 'ok  '} ${name}: ${best[name]?.toFixed(2) ?? 'not measured'}, recorded ${then}`,
    )
  }
  return !Object.keys(recorded).some(fell)
}

async function ratiosOf(one: Case, context: BenchContext): Promise<Ratios> {
  const reports = await one.run(context)
  const broken = reports.flatMap(({ lines }) =>
    lines.filter(({ figures }) => (figures.wrong ?? 0) + (figures.failed ?? 0) > 0),
  )
  if (broken.length > 0) throw new Error(`wrong or failed answers: ${JSON.stringify(broken)}`)
  return Object.fromEntries(reports.flatMap(recordedFigures))
}

function recordedFigures({ name, lines }: CaseReport): [string, number][] {
  const kept = lines.filter(({ subject }) => subject === 'baton' || CODECS_KEPT.test(subject))
  return kept.flatMap(({ subject, figures }) =>
    FIGURES.flatMap((figure): [string, number][] => {
      const value = figures[figure]
      return value === undefined ? [] : [[`${name}: ${subject}, ${figure}`, value]]
    }),
  )
}
