import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toMarkdown } from './markdown.ts'
import { drawPng } from './picture.ts'
import { plotOf } from './plot.ts'
import type { BenchReport } from './report.ts'

/** Writes a report as JSON, Markdown, SVG and, where it can be drawn, PNG; returns what could not be. */
export async function saveReport(report: BenchReport, folder: string): Promise<string | undefined> {
  await mkdir(folder, { recursive: true })
  const file = (type: string) => join(folder, `latest.${type}`)
  await writeFile(file('json'), `${JSON.stringify(report, null, 1)}\n`)
  await writeFile(file('md'), toMarkdown(report))
  const { svg, width, height } = plotOf(report)
  await writeFile(file('svg'), svg)
  if (drawPng(file('svg'), file('png'), width, height)) return undefined
  return 'No PNG: neither rsvg-convert (librsvg2-bin) nor Chromium is installed.'
}

/** The cases of the report in a folder, less those that were measured again, in the order in which all of them are listed. */
export async function joinReport(
  report: BenchReport,
  folder: string,
  compare: (name: string, other: string) => number,
): Promise<BenchReport> {
  const text = await readFile(join(folder, 'latest.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return report
  const measured = new Set(report.cases.map(({ name }) => name))
  const earlier = JSON.parse(text) as BenchReport
  const kept = earlier.cases
    .filter(({ name }) => !measured.has(name))
    .map((one) => ({ ...one, machine: one.machine ?? earlier.machine }))
  const added = report.cases.map((one) => ({ ...one, machine: one.machine ?? report.machine }))
  const cases = [...kept, ...added].toSorted((a, b) => compare(a.name, b.name))
  return { ...report, cases }
}
