import { join } from 'node:path'
import type { MemoryRoom } from '../interfaces.ts'
import { controllerFolders, groupFolders, type ReadText, readTextFile } from './control-group.ts'

/** Version 1 says "no limit" by the largest multiple of a page that 63 bits hold. */
const NO_LIMIT = 2 ** 62

/**
 * What the memory limits of the control groups leave to this process and its children, by the tightest of them; undefined
 * where there is no limit. Pages of files do not count as used: the kernel takes them back before it kills
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html `memory.max`, `memory.current`, `memory.stat`; version 1
 * `memory.limit_in_bytes`, `memory.usage_in_bytes`).
 */
export function memoryRoom(readText: ReadText = readTextFile): MemoryRoom | undefined {
  const rooms = [
    ...groupFolders(readText).flatMap((folder) =>
      room(
        readText(join(folder, 'memory.max')),
        readText(join(folder, 'memory.current')),
        fileBytes(readText(join(folder, 'memory.stat')), ''),
      ),
    ),
    ...controllerFolders('memory', readText).flatMap((folder) =>
      room(
        readText(join(folder, 'memory.limit_in_bytes')),
        readText(join(folder, 'memory.usage_in_bytes')),
        fileBytes(readText(join(folder, 'memory.stat')), 'total_'),
      ),
    ),
  ]
  return rooms.length === 0
    ? undefined
    : rooms.reduce((tightest, other) => (other.leftBytes < tightest.leftBytes ? other : tightest))
}

function room(
  limitText: string | undefined,
  usedText: string | undefined,
  fileBytes: number,
): MemoryRoom[] {
  const limitBytes = Number(limitText?.trim() || Number.NaN)
  const usedBytes = Number(usedText?.trim() || Number.NaN) - fileBytes
  if (!(limitBytes < NO_LIMIT) || Number.isNaN(usedBytes)) return []
  return [{ limitBytes, leftBytes: Math.max(0, limitBytes - Math.max(0, usedBytes)) }]
}

/** Pages of files; those of tmpfs, which cannot be taken back, stand in other rows. */
function fileBytes(stat: string | undefined, prefix: '' | 'total_'): number {
  let bytes = 0
  for (const name of ['active_file', 'inactive_file']) {
    bytes += Number(new RegExp(`^${prefix}${name} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0)
  }
  return bytes
}
