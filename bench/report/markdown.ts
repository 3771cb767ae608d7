import type { BenchReport, CaseReport } from './report.ts'

export function toMarkdown(report: BenchReport): string {
  const parts = report.cases.map(caseTable)
  return `${report.machine}; load by ${report.load}.\n\n${parts.join('\n')}`
}

export function caseTable({ title, lines, machine, notes = [] }: CaseReport): string {
  const heading = `### ${title}\n${machine === undefined ? '' : `\n${machine}\n`}`
  if (lines.length === 0) return `${heading}${notes.map((note) => `\n${note}\n`).join('')}`
  const columns = [...new Set(lines.flatMap(({ figures }) => Object.keys(figures)))]
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const head = row(['', ...columns]) + row(['---', ...columns.map(() => '--:')])
  const body = lines.map(({ subject, figures }) =>
    row([subject, ...columns.map((column) => format(figures[column]))]),
  )
  return `${heading}\n${head}${body.join('')}${notes.map((note) => `\n${note}\n`).join('')}`
}

/** Three digits that mean something. */
function format(value: number | undefined): string {
  // JSON keeps NaN as null.
  if (value === undefined || !Number.isFinite(value)) return ''
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)))
}
