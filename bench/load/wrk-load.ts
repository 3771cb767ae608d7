import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadRequest, LoadResult } from './load.ts'

const SCRIPT = fileURLToPath(new URL('./collect-answers.lua', import.meta.url))
const NEWLINE = 0x0a

interface Summary {
  readonly requests: number
  readonly us: number
  readonly failed: number
  /** Latency in microseconds and how many requests had it, ascending. */
  readonly histogram: readonly (readonly [number, number])[]
}

/** wrk (https://github.com/wg/wrk), one thread. */
export async function wrkLoad(request: LoadRequest): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-wrk-'))
  const bodyFile = join(folder, 'body')
  const outFile = join(folder, 'out')
  await writeFile(bodyFile, request.body)
  const { connections, seconds } = request
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${seconds}`, '--timeout', '30', '-s', SCRIPT]
  const [program = '', ...args] = [...request.pin, ...wrk, request.url]
  const env = { ...process.env, WRK_BODY: bodyFile, WRK_OUT: outFile }
  const { stdout } = await promisify(execFile)(program, args, { env })
  const out = await readFile(outFile)
  await rm(folder, { recursive: true })
  const end = out.indexOf(NEWLINE)
  const summary = JSON.parse(out.subarray(0, end).toString()) as Summary
  const latencies = withoutCorrection(summary, connections)
  const socketErrors = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? []
  const lost = socketErrors.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    requests: summary.requests - summary.failed,
    seconds: summary.us / 1e6,
    p50: percentile(latencies, 0.5) / 1e3,
    p99: percentile(latencies, 0.99) / 1e3,
    failed: summary.failed + lost,
    bodies: readAnswers(out.subarray(end + 1)),
  }
}

/** Each answer after its length in bytes and a newline. */
function readAnswers(bytes: Buffer): string[] {
  const answers: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = bytes.indexOf(NEWLINE, at) + 1
    const end = start + Number(bytes.subarray(at, start - 1).toString())
    answers.push(bytes.subarray(start, end).toString())
    at = end
  }
  return answers
}

/**
 * Takes out again what wrk's `stats_correct` (src/stats.c) adds: for each latency above twice the expected interval
 * it counts requests that an open loop would have sent meanwhile. From the largest value down each count met is
 * the true one.
 */
function withoutCorrection(summary: Summary, connections: number): Map<number, number> {
  const counts = new Map(summary.histogram)
  const rounds = Math.floor(summary.requests / connections)
  if (rounds === 0) return counts
  const expected = Math.floor(summary.us / rounds)
  for (const [value] of summary.histogram.toReversed()) {
    const count = counts.get(value) ?? 0
    if (value < 2 * expected || count === 0) continue
    for (let added = value - expected; added > expected; added -= expected) {
      counts.set(added, (counts.get(added) ?? 0) - count)
    }
  }
  return counts
}

function percentile(counts: ReadonlyMap<number, number>, share: number): number {
  const sorted = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [value, count] of sorted) {
    seen += count
    if (seen >= total * share) return value
  }
  return Number.NaN
}
