import { readdirSync, readFileSync } from 'node:fs'

/** The one process of a trial that this one has started. */
export function trialPid(): number {
  const [pid, ...more] = trialPids()
  if (pid === undefined || more.length > 0) {
    throw new Error(`expected one trial, found ${pid === undefined ? 0 : more.length + 1}`)
  }
  return pid
}

/** Processes of trials that this one has started and not waited for, zombies included. */
export function trialPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isTrial)
}

/** Descriptors of files, pipes and sockets that this process holds. */
export function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}

function isTrial(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [, state, parent] = /\) (\S) (\d+) /.exec(stat) ?? []
    if (Number(parent) !== process.pid) return false
    return state === 'Z' || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('trial-child')
  } catch {
    return false
  }
}
