import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { CASES } from './cases/all.ts'
import type { BenchContext, Case } from './cases/case.ts'
import { checkRatios, recordRatios } from './ci.ts'
import { type LoadName, preferredLoad } from './load/load.ts'
import { machineLine } from './machine.ts'
import { makeBenchModels } from './models/bench-models.ts'
import { caseTable } from './report/markdown.ts'
import type { BenchReport, CaseReport } from './report/report.ts'
import { joinReport, saveReport } from './report/save.ts'

const USAGE = `npm run bench -- [cases] [options]

  cases                 ${CASES.map(({ name, about }) => `${name}: ${about}`).join('\n                        ')}
  --short               a second a measurement, one round
  --seconds, --rounds   of each measurement (default 5 and 3)
  --connections, --rows lists such as 1,64 in place of each case's own
  --targets             a list out of floor,hono,baton,express,piscina
  --load                wrk or autocannon (default: wrk where it is installed)
  --peers <folder>      the rig that starts other model servers
  --peer-model          iris, mlp or image for \`peers\` (default iris)
  --peer-names          a list of the rig's servers
  --out <folder>        default bench/results
  --add                 keeps the cases in that folder that were not measured again
  --ci                  a few ratios only; fails where one fell by more than a fifth below bench/ratios.json
  --record              writes those ratios to bench/ratios.json, for the load that was used
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    connections: { type: 'string' },
    rows: { type: 'string' },
    targets: { type: 'string' },
    load: { type: 'string' },
    peers: { type: 'string' },
    'peer-model': { type: 'string', default: 'iris' },
    'peer-names': { type: 'string' },
    add: { type: 'boolean', default: false },
    out: { type: 'string', default: new URL('./results', import.meta.url).pathname },
    ci: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function list(text: string | undefined): readonly number[] | undefined {
  return text?.split(',').map(Number)
}

function chosenCases(names: readonly string[]): readonly Case[] {
  const unknown = names.filter((name) => !CASES.some((one) => one.name === name))
  if (unknown.length > 0) throw new Error(`no case ${unknown.join(', ')}\n\n${USAGE}`)
  return names.length === 0 ? CASES : CASES.filter(({ name }) => names.includes(name))
}

async function main(): Promise<void> {
  const cases = chosenCases(positionals)
  const machine = machineLine()
  const load = (values.load as LoadName | undefined) ?? preferredLoad()
  const models = await makeBenchModels()
  const isCheck = values.ci || values.record
  const context: BenchContext = {
    models,
    load,
    seconds: Number(values.seconds ?? (values.short || isCheck ? 1 : 5)),
    rounds: Number(values.rounds ?? (values.short ? 1 : isCheck ? 5 : 3)),
    connections: list(values.connections),
    rows: list(values.rows),
    targets: values.targets?.split(','),
    peers: values.peers,
    peerModel: values['peer-model'],
    peerNames: values['peer-names'],
    progress: (text) => process.stderr.write(`${text}\n`),
  }
  try {
    if (values.record) await recordRatios(context)
    if (values.ci && !(await checkRatios(context))) process.exitCode = 1
    if (!isCheck) await save({ machine, load, cases: await runCases(cases, context) })
  } finally {
    await rm(models.registry, { recursive: true })
  }
}

async function runCases(
  cases: readonly Case[],
  context: BenchContext,
): Promise<readonly CaseReport[]> {
  const found: CaseReport[] = []
  for (const one of cases) {
    const reports = await one.run(context)
    for (const report of reports) console.log(caseTable(report))
    found.push(...reports)
  }
  return found
}

async function save(report: BenchReport): Promise<void> {
  const whole = values.add ? await joinReport(report, values.out, compareNames) : report
  const missing = await saveReport(whole, values.out)
  if (missing !== undefined) process.stderr.write(`${missing}\n`)
}

/** In the order of the cases, which their reports are named after. */
function compareNames(name: string, other: string): number {
  const place = (report: string) => CASES.findIndex((one) => report.startsWith(one.name))
  return place(name) - place(other) || name.localeCompare(other, 'en', { numeric: true })
}

if (values.help) console.log(USAGE)
else await main()
