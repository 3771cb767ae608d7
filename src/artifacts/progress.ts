import type { Clock } from '../clock.ts'
import type { DownloadProgress } from '../interfaces.ts'

/** Where progress is written: standard error, as a rule. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** Progress of one download. */
interface ProgressTrack {
  readonly onProgress: (progress: DownloadProgress) => void
  /** Writes the last line; nothing where nothing was downloaded. Call it once, whatever the outcome. */
  end(outcome: 'done' | 'failed'): void
}

export interface ProgressReporter {
  /** @param label what is downloaded, such as `iris-classifier 3`. */
  track(label: string): ProgressTrack
}

const BAR_WIDTH = 24
/** A terminal is painted ten times a second at most. */
const PAINT_MS = 100
/** A log gets a line this often at most. */
const LINE_MS = 5000
/** The rate is that of this stretch of time, so that it shows what happens now. */
const RATE_MS = 3000

/**
 * Reports downloads: on a terminal one line with a bar, painted over; elsewhere a plain line at the start, every
 * few seconds, and at the end. Downloads that run at once share the terminal's line in turns.
 */
export function createProgressReporter(stream: ProgressStream, clock: Clock): ProgressReporter {
  return {
    track: (label) => {
      const rate = createRate(clock)
      const paint = stream.isTTY ? paintBar(stream) : writeLine(stream)
      const everyMs = stream.isTTY ? PAINT_MS : LINE_MS
      const started = clock.monotonic()
      let latest: DownloadProgress | undefined
      let shown = Number.NEGATIVE_INFINITY
      return {
        onProgress: (progress) => {
          latest = progress
          const now = clock.monotonic()
          rate.add(progress.bytesDone)
          if (now - shown < everyMs) return
          shown = now
          paint(label, progress, rate.bytesPerSecond())
        },
        end: (outcome) => {
          if (latest === undefined) return
          const seconds = (clock.monotonic() - started) / 1000
          const what = outcome === 'done' ? 'downloaded' : 'failed after'
          const over = stream.isTTY ? '\r\x1b[K' : ''
          const files = latest.filesDone === 1 ? '1 file' : `${latest.filesDone} files`
          stream.write(
            `${over}${label}: ${what} ${files}, ${formatBytes(latest.bytesDone)} in ${seconds.toFixed(1)} s\n`,
          )
        },
      }
    },
  }
}

type Paint = (label: string, progress: DownloadProgress, bytesPerSecond: number | undefined) => void

function paintBar(stream: ProgressStream): Paint {
  return (label, progress, bytesPerSecond) => {
    const share = shareOf(progress)
    const full = Math.round((share ?? 0) * BAR_WIDTH)
    const bar = share === undefined ? '' : ` [${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}]`
    const line = `${label}${bar} ${amounts(progress, bytesPerSecond)}`
    // A line that wraps cannot be painted over.
    stream.write(`\r\x1b[K${[...line].slice(0, (stream.columns ?? 80) - 1).join('')}`)
  }
}

function writeLine(stream: ProgressStream): Paint {
  return (label, progress, bytesPerSecond) => {
    stream.write(`${label}: ${amounts(progress, bytesPerSecond)}\n`)
  }
}

function amounts(progress: DownloadProgress, bytesPerSecond: number | undefined): string {
  const { bytesDone, bytes, filesDone, files } = progress
  const share = shareOf(progress)
  const parts = [
    bytes === undefined
      ? formatBytes(bytesDone)
      : `${formatBytes(bytesDone)} of ${formatBytes(bytes)}`,
    ...(share === undefined ? [] : [`${Math.floor(share * 100)} %`]),
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    `${filesDone} of ${files} files`,
  ]
  return parts.join(', ')
}

function shareOf({ bytes, bytesDone }: DownloadProgress): number | undefined {
  if (bytes === undefined) return undefined
  return bytes === 0 ? 1 : Math.min(1, bytesDone / bytes)
}

interface Rate {
  add(bytesDone: number): void
  /** Undefined until some time has passed. */
  bytesPerSecond(): number | undefined
}

function createRate(clock: Clock): Rate {
  const samples: { readonly at: number; readonly bytes: number }[] = []
  return {
    add: (bytes) => {
      const at = clock.monotonic()
      const last = samples.at(-1)
      // A sample for each piece would be thousands a second.
      if (last !== undefined && at - last.at < PAINT_MS) return
      samples.push({ at, bytes })
      while ((samples[1]?.at ?? at) < at - RATE_MS) samples.shift()
    },
    bytesPerSecond: () => {
      const [first, last] = [samples[0], samples.at(-1)]
      if (first === undefined || last === undefined || last.at === first.at) return undefined
      return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at))
    },
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Bytes as people read them: `512 B`, `9.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}
