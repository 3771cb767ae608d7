import type { BenchReport } from './report.ts'

/** The figure that the plot shows: the one that a busy machine spoils least. */
const FIGURE = 'x floor by CPU'
const WIDTH = 900
const LABEL_WIDTH = 330
const BAR_HEIGHT = 16
const TITLE_HEIGHT = 34

/** Every ratio to the floor as a bar, one group a case. */
export function toSvg(report: BenchReport): string {
  const parts: string[] = []
  let y = 30
  for (const { title, lines } of report.cases) {
    const bars = lines.filter(({ figures }) => figures[FIGURE] !== undefined)
    if (bars.length === 0) continue
    parts.push(text(10, y + 12, title, 'font-weight="bold"'))
    y += TITLE_HEIGHT - 14
    for (const { subject, figures } of bars) {
      const ratio = figures[FIGURE] ?? 0
      const width = Math.min(1, ratio) * (WIDTH - LABEL_WIDTH - 70)
      const colour = subject.startsWith('baton') ? '#2563eb' : '#94a3b8'
      parts.push(
        text(LABEL_WIDTH - 8, y + 12, subject, 'text-anchor="end"'),
        `<rect x="${LABEL_WIDTH}" y="${y + 1}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 3}" fill="${colour}"/>`,
        text(LABEL_WIDTH + width + 6, y + 12, ratio.toFixed(2), ''),
      )
      y += BAR_HEIGHT
    }
    y += 14
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 10}" font-family="sans-serif" font-size="12">
<title>CPU time a request: that of the floor as a share of each server's</title>
<rect width="100%" height="100%" fill="white"/>
${text(10, 18, `CPU time a request of the floor (node:http and JSON.parse), as a share of each server's. ${report.machine}`, 'font-size="10"')}
${parts.join('\n')}
</svg>
`
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`
}
