import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { controllerFolders, groupFolders, type ReadText, readTextFile } from './control-group.ts'

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
  const quotas = [...quotasV2(readText), ...quotasV1(readText)]
  return quotas.length === 0 ? undefined : Math.min(...quotas)
}

function quotasV2(readText: ReadText): number[] {
  return groupFolders(readText).flatMap((folder) => {
    const [quota, period] = (readText(join(folder, 'cpu.max')) ?? '').trim().split(' ')
    return ratio(quota, period)
  })
}

function quotasV1(readText: ReadText): number[] {
  return controllerFolders('cpu', readText).flatMap((folder) =>
    ratio(
      readText(join(folder, 'cpu.cfs_quota_us'))?.trim(),
      readText(join(folder, 'cpu.cfs_period_us'))?.trim(),
    ),
  )
}

/** `max` and -1 mean no quota. */
function ratio(quota: string | undefined, period: string | undefined): number[] {
  const cores = Number(quota) / Number(period)
  return Number.isFinite(cores) && cores > 0 ? [cores] : []
}
