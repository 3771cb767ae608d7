import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CaseReport, countOf, type Line, median } from '../report/report.ts'
import type { BenchContext, Case } from './case.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const CONNECTIONS = [1, 64] as const
const FLOOR = 'floor'

/** What the rig writes: for each server its measurements, in microseconds and bytes. */
interface RigResult {
  readonly results: Readonly<Record<string, RigServer>>
}

interface RigServer {
  readonly cold: readonly number[]
  readonly runs: Readonly<Record<string, readonly RigRun[]>>
  readonly problems: readonly string[]
}

interface RigRun {
  readonly requests: number
  readonly status: number
  readonly failed: number
  readonly us: number
  readonly p50: number
  readonly p99: number
  /** Seconds of the server and its children. */
  readonly cpu: number
  readonly pss: number
}

/** Other model servers, started, checked and measured by a rig that is not part of Baton (`--peers <folder>`). */
export const peersCase: Case = {
  name: 'peers',
  about: 'other model servers, with --peers <folder of the rig>',
  async run(context) {
    const { peers, peerModel } = context
    const python = join(process.env.ANCHORS_DIR ?? join(tmpdir(), 'anchors'), 'venv/rig/bin/python')
    if (peers === undefined || !existsSync(python)) {
      const missing = peers === undefined ? '--peers was not given' : `${python} is not there`
      const notes = [`Left out: ${missing}.`]
      return [{ name: 'peers', title: 'other model servers', lines: [], notes }]
    }
    const connections = context.connections ?? CONNECTIONS
    const folder = await mkdtemp(join(tmpdir(), 'baton-peers-'))
    const out = join(folder, 'results.json')
    const { status } = spawnSync(python, rigArguments(context, peers, connections, out), {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    // It ends with 1 when it leaves a server out, and has written its results then.
    if (status !== 0 && !existsSync(out)) throw new Error(`the rig ended with status ${status}`)
    const { results } = JSON.parse(await readFile(out, 'utf8')) as RigResult
    await rm(folder, { recursive: true })
    return connections.map((count) => reportOf(results, peerModel, count))
  },
}

function rigArguments(
  { peerModel, peerNames, seconds, rounds, rows }: BenchContext,
  folder: string,
  connections: readonly number[],
  out: string,
): readonly string[] {
  const url = 'http://127.0.0.1:{port},format=invocations'
  const serve = `${process.execPath} ${MAIN} serve -m {model_dir} --port {port}`
  const args = [
    ['--model', peerModel, '--concurrency', connections.join(','), '--rows', `${rows?.[0] ?? 1}`],
    ['--seconds', String(seconds), '--rounds', String(rounds), '--out', out],
    ['--extra', `baton=${url}`, '--extra-cmd', `baton=${serve}`],
    peerNames === undefined ? [] : ['--peers', peerNames],
  ]
  return [join(folder, 'bench.py'), ...args.flat()]
}

function reportOf(
  results: Readonly<Record<string, RigServer>>,
  model: string,
  connections: number,
): CaseReport {
  const baton = runsOf(results.baton, connections)
  const floor = runsOf(results[FLOOR], connections)
  const lines: Line[] = []
  const notes: string[] = []
  for (const [name, server] of Object.entries(results)) {
    const runs = runsOf(server, connections)
    for (const problem of new Set(server.problems)) notes.push(`${name}: ${problem}`)
    if (runs.length === 0) continue
    const of = (pick: (run: RigRun) => number) => median(runs.map(pick))
    const figures = {
      'requests/s': of(rate),
      'x floor': of(rate) / median(floor.map(rate)),
      'baton is x': median(baton.map(rate)) / of(rate),
      'x floor by CPU': median(floor.map(cpuUs)) / of(cpuUs),
      'CPU us': of(cpuUs),
      'p50 ms': of(({ p50 }) => p50 / 1e3),
      'p99 ms': of(({ p99 }) => p99 / 1e3),
      'PSS MB': of(({ pss }) => pss / 1e6),
      'start s': median(server.cold),
      failed: runs.reduce((sum, { failed, status }) => sum + failed + status, 0),
    }
    lines.push({ subject: name, figures })
  }
  lines.sort((a, b) => (b.figures['requests/s'] ?? 0) - (a.figures['requests/s'] ?? 0))
  const title = `other servers, ${model}, ${countOf(connections, 'connection')}`
  return { name: `peers-${model}-c${connections}`, title, lines, notes }
}

function runsOf(server: RigServer | undefined, connections: number): readonly RigRun[] {
  return server?.runs[connections] ?? []
}

function rate({ requests, status, us }: RigRun): number {
  return ((requests - status) * 1e6) / us
}

function cpuUs({ requests, status, cpu }: RigRun): number {
  return (cpu * 1e6) / (requests - status)
}
