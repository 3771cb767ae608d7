import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'

type ReadText = (path: string) => string | undefined

const CGROUP_ROOT = '/sys/fs/cgroup'

/**
 * Cores that this process may use: those it may be scheduled on, or fewer where its control group has a CPU
 * quota, as containers do. Whole cores, rounded down, since a thread more than the quota pays is throttled; at least 1.
 */
export function availableCores(
  readText: ReadText = readTextFile,
  schedulable: number = availableParallelism(),
): number {
  const quota = cpuQuota(readText)
  return quota === undefined ? schedulable : Math.min(schedulable, Math.max(1, Math.floor(quota)))
}

/**
 * The quota in cores, the smallest on the way from the process's group to the root; undefined where there is none
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html `cpu.max`; version 1 `cpu.cfs_quota_us`).
 */
export function cpuQuota(readText: ReadText): number | undefined {
  const groups = readText('/proc/self/cgroup') ?? ''
  const quotas = [...quotasV2(groups, readText), ...quotasV1(groups, readText)]
  return quotas.length === 0 ? undefined : Math.min(...quotas)
}

function quotasV2(groups: string, readText: ReadText): number[] {
  const path = /^0::(\/.*)$/m.exec(groups)?.[1]
  if (path === undefined) return []
  return ancestors(path).flatMap((group) => {
    const [quota, period] = (readText(join(CGROUP_ROOT, group, 'cpu.max')) ?? '').trim().split(' ')
    return ratio(quota, period)
  })
}

function quotasV1(groups: string, readText: ReadText): number[] {
  const path = /^\d+:(?:[^:\n]*,)?cpu(?:,[^:\n]*)?:(\/.*)$/m.exec(groups)?.[1]
  if (path === undefined) return []
  // Inside a container the path is often the host's, and only the root of it can be seen.
  return ancestors(path).flatMap((group) => {
    const folder = join(CGROUP_ROOT, 'cpu', group)
    return ratio(
      readText(join(folder, 'cpu.cfs_quota_us'))?.trim(),
      readText(join(folder, 'cpu.cfs_period_us'))?.trim(),
    )
  })
}

function ancestors(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) paths.push(dirname(at))
  return paths
}

/** `max` and -1 mean no quota. */
function ratio(quota: string | undefined, period: string | undefined): number[] {
  const cores = Number(quota) / Number(period)
  return Number.isFinite(cores) && cores > 0 ? [cores] : []
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
