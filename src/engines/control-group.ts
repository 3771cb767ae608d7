import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = '/sys/fs/cgroup'

/** The text of a file; undefined where there is none to read. */
export type ReadText = (path: string) => string | undefined

export const readTextFile: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Folders of the control groups (version 2) that hold this process, its own first, then those around it
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html). Limits of all of them hold.
 */
export function groupFolders(readText: ReadText): readonly string[] {
  const path = /^0::(\/.*)$/m.exec(ownGroups(readText))?.[1]
  return path === undefined ? [] : ancestors(path).map((group) => join(ROOT, group))
}

/** As {@link groupFolders}, of version 1, where each controller has a tree of its own. */
export function controllerFolders(
  controller: 'cpu' | 'memory',
  readText: ReadText,
): readonly string[] {
  const line = new RegExp(`^\\d+:(?:[^:\\n]*,)?${controller}(?:,[^:\\n]*)?:(\\/.*)$`, 'm')
  const path = line.exec(ownGroups(readText))?.[1]
  // Inside a container the path is often the host's, and only the root of it can be seen.
  return path === undefined ? [] : ancestors(path).map((group) => join(ROOT, controller, group))
}

function ownGroups(readText: ReadText): string {
  return readText('/proc/self/cgroup') ?? ''
}

function ancestors(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) paths.push(dirname(at))
  return paths
}
