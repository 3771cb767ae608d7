import { spawnSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { CASES } from './cases/all.ts'
import type { BenchContext, Case } from './cases/case.ts'
import { compareRatios, measureRatios, recordRatios } from './ci.ts'
import { type LoadName, preferredLoad } from './load/load.ts'
import { hasProgram, machineLine } from './machine.ts'
import { makeBenchModels } from './models/bench-models.ts'
import { caseTable, toMarkdown } from './report/markdown.ts'
import { toSvg } from './report/plot.ts'
import type { BenchReport, CaseReport } from './report/report.ts'

const USAGE = `npm run bench -- [cases] [options]

  cases                 ${CASES.map(({ name, about }) => `${name}: ${about}`).join('\n                        ')}
  --short               a second a measurement, one round
  --seconds, --rounds   of each measurement (default 5 and 3)
  --connections, --rows lists such as 1,64 in place of each case's own
  --load                wrk or autocannon (default: wrk where it is installed)
  --peers <folder>      the rig that starts other model servers
  --out <folder>        default bench/results
  --ci                  a few ratios only; fails where one fell by more than a fifth below bench/ratios.json
  --record              writes those ratios to bench/ratios.json
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    connections: { type: 'string' },
    rows: { type: 'string' },
    load: { type: 'string' },
    peers: { type: 'string' },
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
    seconds: Number(values.seconds ?? (values.short ? 1 : isCheck ? 2 : 5)),
    rounds: Number(values.rounds ?? (values.short ? 1 : isCheck ? 5 : 3)),
    connections: list(values.connections),
    rows: list(values.rows),
    peers: values.peers,
    progress: (text) => process.stderr.write(`${text}\n`),
  }
  try {
    if (isCheck) await checkRatios(context)
    else await save({ machine, load, cases: await runCases(cases, context) }, values.out)
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

async function checkRatios(context: BenchContext): Promise<void> {
  const ratios = await measureRatios(context)
  if (values.record) await recordRatios(ratios)
  if (!(await compareRatios(ratios))) process.exitCode = 1
}

async function save(report: BenchReport, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(`${folder}/latest.json`, `${JSON.stringify(report, null, 1)}\n`)
  await writeFile(`${folder}/latest.md`, toMarkdown(report))
  const plot = `${folder}/latest.svg`
  await writeFile(plot, toSvg(report))
  if (hasProgram('rsvg-convert')) spawnSync('rsvg-convert', [plot, '-o', `${folder}/latest.png`])
}

if (values.help) console.log(USAGE)
else await main()
