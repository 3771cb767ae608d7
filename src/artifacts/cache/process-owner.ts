import { createHash, randomBytes } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/**
 * Longest silence of a process elsewhere before it counts as dead: several beats of {@link BEAT_MS}.
 * Whether a process of this place lives is asked of the system instead.
 */
const SILENCE_MS = 5 * 60_000
/** How often a process renews what it has signed. */
export const BEAT_MS = 60_000

/**
 * One user of a folder that processes share, as it signs what it leaves there: the place its pid counts in, the
 * pid, when it started, because pids are used again, and a number of its own, because a process may have two.
 */
export class ProcessOwner {
  /** Fit for a file name: `place.pid.start.own`. */
  readonly id: string
  readonly #place: string

  private constructor(place: string, pid: number, start: string) {
    this.#place = place
    this.id = `${place}.${pid}.${start}.${randomBytes(3).toString('hex')}`
  }

  static async current(): Promise<ProcessOwner> {
    return new ProcessOwner(await currentPlace(), process.pid, await startOf(process.pid))
  }

  isSelf(id: string): boolean {
    return id === this.id
  }

  /** Whether the process `id`, which gave its last sign `silentMs` milliseconds ago, is still there. */
  async isAlive(id: string, silentMs: number): Promise<boolean> {
    if (id === this.id) return true
    const [place, pid, start] = id.split('.')
    if (place !== this.#place) return silentMs < SILENCE_MS
    if (!exists(Number(pid))) return false
    return (await startOf(Number(pid))) === start
  }
}

/**
 * Where a pid means the same process: this boot of this machine, and this container. Two containers that share
 * a volume may both be process 1.
 */
async function currentPlace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return createHash('sha256')
    .update(`${hostname()}\n${boot}\n${namespace}`)
    .digest('hex')
    .slice(0, 12)
}

/** When a process started, in clock ticks since boot; empty where the system does not say (no /proc). */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The command's name stands in parentheses and may hold anything; the start is the 22nd field, the 20th after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function exists(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
