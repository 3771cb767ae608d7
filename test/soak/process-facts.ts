import { readdir, readFile } from 'node:fs/promises'

/** What a process holds. */
export interface ProcessFacts {
  /** Resident memory in bytes. */
  readonly residentBytes: number
  readonly threads: number
  readonly openFiles: number
  readonly children: number
}

/** Reads what Linux says of a process (proc(5)). */
export async function processFacts(pid: number): Promise<ProcessFacts> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return {
    residentBytes: number('VmRSS') * 1024,
    threads: number('Threads'),
    openFiles: (await readdir(`/proc/${pid}/fd`)).length,
    children: await childrenOf(pid),
  }
}

async function childrenOf(pid: number): Promise<number> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(processes.map(parentOf))
  return parents.filter((parent) => parent === pid).length
}

/** Undefined for a process that ended meanwhile. */
async function parentOf(pid: string): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name before it may hold spaces and brackets.
  const [, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return parent === undefined ? undefined : Number(parent)
}
