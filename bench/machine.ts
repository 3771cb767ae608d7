import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** Command lines to put before a program so that it runs on its own core; empty where they cannot be told apart. */
export interface Pinning {
  readonly server: readonly string[]
  readonly load: readonly string[]
}

const UNPINNED: Pinning = { server: [], load: [] }

/** One core for the server and another for the load, as ratios between servers need; the rest stays idle. */
export function splitCores(): Pinning {
  if (availableParallelism() < 2 || !hasProgram('taskset')) return UNPINNED
  return { server: pinnedTo('0'), load: pinnedTo('1') }
}

/** A list of cores as taskset reads it, such as `0,1`. */
export function pinnedTo(cores: string): readonly string[] {
  return ['taskset', '-c', cores]
}

/** The scheduler decides: for what may use every core. */
export function allCores(): Pinning {
  return UNPINNED
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** The line that stands above every result. */
export function machineLine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const load = loadavg().map((value) => value.toFixed(2))
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  return `${date} UTC, Node ${process.version}, ${availableParallelism()} cores (${model}), ${memory}, load average ${load.join(' ')} before`
}
