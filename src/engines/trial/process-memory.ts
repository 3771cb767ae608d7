import { readFileSync } from 'node:fs'

/** Resident memory of a process. Bytes. */
export interface ProcessMemory {
  readonly residentBytes: number
  /** The most that it ever was. */
  readonly peakBytes: number
}

/**
 * Reads `/proc/<pid>/status` (proc_pid_status(5)), whose unit is not a page, as that of `statm` is: 30 us. Undefined
 * where there is no such file, on systems other than Linux, and once the process has ended.
 */
export function processMemory(pid: number): ProcessMemory | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
  const resident = kibibytes(status, 'VmRSS')
  if (resident === undefined) return undefined
  return { residentBytes: resident, peakBytes: kibibytes(status, 'VmHWM') ?? resident }
}

function kibibytes(status: string, name: string): number | undefined {
  const match = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)
  return match === null ? undefined : Number(match[1]) * 1024
}
