import { readFile, writeFile } from 'node:fs/promises'
import type { BenchContext } from './cases/case.ts'
import { codecsCase } from './cases/codecs.ts'
import { httpCase } from './cases/http-case.ts'
import type { CaseReport } from './report/report.ts'

const RATIOS = new URL('./ratios.json', import.meta.url)

/** A ratio may fall by this share of the recorded one before the check fails. */
const MAY_FALL = 0.2

const PAIR = ['floor', 'baton'] as const
const CASES = [
  httpCase('iris', '', PAIR, { connections: [64], rows: [1] }),
  httpCase('mlp', '', PAIR, { connections: [64], rows: [1] }),
  httpCase('image', '', PAIR, { connections: [1], rows: [1] }),
  codecsCase,
]

/**
 * By the best CPU time a request, because a machine that others use gives rates that mean nothing; against JSON for the
 * codecs.
 */
const FIGURES = ['x floor by best CPU', 'x JSON'] as const
const CODECS_KEPT = /^(read inputs|write), 64 /

/** Measures the few ratios that are recorded. */
export async function measureRatios(context: BenchContext): Promise<Record<string, number>> {
  const reports: CaseReport[] = []
  for (const one of CASES) reports.push(...(await one.run(context)))
  const broken = reports.flatMap(({ lines }) =>
    lines.filter(({ figures }) => (figures.wrong ?? 0) + (figures.failed ?? 0) > 0),
  )
  if (broken.length > 0) throw new Error(`wrong or failed answers: ${JSON.stringify(broken)}`)
  return Object.fromEntries(reports.flatMap(ratiosOf))
}

function ratiosOf({ name, lines }: CaseReport): [string, number][] {
  const kept = lines.filter(({ subject }) => subject === 'baton' || CODECS_KEPT.test(subject))
  return kept.flatMap(({ subject, figures }) =>
    FIGURES.flatMap((figure): [string, number][] => {
      const value = figures[figure]
      return value === undefined ? [] : [[`${name}: ${subject}, ${figure}`, value]]
    }),
  )
}

/** Writes the ratios that later runs are held to. */
export async function recordRatios(ratios: Readonly<Record<string, number>>): Promise<void> {
  const rounded = Object.entries(ratios).map(([name, value]) => [name, Number(value.toFixed(2))])
  await writeFile(RATIOS, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`)
}

/** Prints each ratio beside the recorded one; false where one fell too far. */
export async function compareRatios(ratios: Readonly<Record<string, number>>): Promise<boolean> {
  const recorded = JSON.parse(await readFile(RATIOS, 'utf8')) as Record<string, number>
  let holds = true
  for (const [name, then] of Object.entries(recorded)) {
    const now = ratios[name] ?? 0
    const fell = now < then * (1 - MAY_FALL)
    if (fell) holds = false
    console.log(`${fell ? 'FELL' : 'ok  '} ${name}: ${now.toFixed(2)}, recorded ${then}`)
  }
  return holds
}
