import type { BenchReport, CaseReport, Line } from './report.ts'

/** A drawing and its size in pixels. */
export interface Plot {
  readonly svg: string
  readonly width: number
  readonly height: number
}

const MARGIN = 24
const PANEL_WIDTH = 400
const LABEL_WIDTH = 104
const VALUE_WIDTH = 46
const BAR_HEIGHT = 18
const TITLE_HEIGHT = 30
const PANEL_GAP = 22
const HEAD_HEIGHT = 76
const COLUMNS = 2

/** The figures that a plot can show, the best first: CPU time suffers least where others use the machine. */
const FIGURES = ['x floor by CPU', 'x floor'] as const
const COLOURS = { baton: '#2563eb', floor: '#cbd5e1', other: '#94a3b8' } as const

interface Bar {
  readonly subject: string
  readonly ratio: number
}

/** Every ratio to the floor as a bar, a panel for each table that has them, two panels beside each other. */
export function plotOf(report: BenchReport): Plot {
  const panels = report.cases
    .map((one) => ({ title: one.title, bars: barsOf(one) }))
    .filter(({ bars }) => bars.length > 0)
  const parts: string[] = []
  let y = HEAD_HEIGHT
  for (let i = 0; i < panels.length; i += COLUMNS) {
    const row = panels.slice(i, i + COLUMNS)
    for (const [column, { title, bars }] of row.entries()) {
      parts.push(panel(MARGIN + column * (PANEL_WIDTH + MARGIN), y, title, bars))
    }
    y += TITLE_HEIGHT + PANEL_GAP + BAR_HEIGHT * Math.max(...row.map(({ bars }) => bars.length))
  }
  const width = MARGIN + COLUMNS * (PANEL_WIDTH + MARGIN)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12" fill="#0f172a">
<rect width="100%" height="100%" fill="white"/>
${text(MARGIN, 30, 'Speed beside the floor, one core for each server', 'font-size="17" font-weight="bold"')}
${text(MARGIN, 48, 'floor: node:http, JSON.parse and a fixed answer = 1. Bars: CPU time a request of the floor, as a part of each server\u2019s.', 'fill="#475569"')}
${text(MARGIN, 64, report.machine, 'font-size="10" fill="#64748b"')}
${parts.join('\n')}
</svg>
`
  return { svg, width, height: y }
}

function barsOf({ lines }: CaseReport): Bar[] {
  return lines.flatMap((line) => {
    const ratio = ratioOf(line)
    return ratio === undefined ? [] : [{ subject: line.subject, ratio }]
  })
}

function ratioOf({ figures }: Line): number | undefined {
  return FIGURES.map((name) => figures[name]).find((value) => Number.isFinite(value))
}

function panel(x: number, y: number, title: string, bars: readonly Bar[]): string {
  const room = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH
  const most = Math.max(1, ...bars.map(({ ratio }) => ratio))
  const parts = [text(x, y + 16, title, 'font-weight="bold"')]
  for (const [i, { subject, ratio }] of bars.entries()) {
    const top = y + TITLE_HEIGHT + i * BAR_HEIGHT
    const width = Math.max(1, (ratio / most) * room)
    const weight = subject === 'baton' ? 'font-weight="bold"' : ''
    parts.push(
      text(x + LABEL_WIDTH - 8, top + 12, subject, `text-anchor="end" ${weight}`),
      `<rect x="${x + LABEL_WIDTH}" y="${top + 1}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 4}" rx="2" fill="${colourOf(subject)}"/>`,
      text(x + LABEL_WIDTH + width + 6, top + 12, ratio.toFixed(2), `fill="#475569" ${weight}`),
    )
  }
  return parts.join('\n')
}

function colourOf(subject: string): string {
  if (subject === 'baton' || subject === 'floor') return COLOURS[subject]
  return COLOURS.other
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`
}
