import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { hasProgram } from '../machine.ts'

/** Pixels a unit of the drawing: sharp on a screen of twice the usual density. */
const SCALE = 2

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'] as const

/** Draws an SVG file into a PNG file with what is installed: librsvg's `rsvg-convert`, or a browser. */
export function drawPng(svg: string, png: string, width: number, height: number): boolean {
  if (hasProgram('rsvg-convert')) return ran('rsvg-convert', ['-z', `${SCALE}`, svg, '-o', png])
  const browser = BROWSERS.find(hasProgram)
  if (browser === undefined) return false
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars']
  const size = [`--window-size=${width},${height}`, `--force-device-scale-factor=${SCALE}`]
  return ran(browser, [...options, ...size, `--screenshot=${png}`, pathToFileURL(svg).href])
}

function ran(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}
