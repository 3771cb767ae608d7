import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ServingError } from '../errors.ts'

/**
 * Bytes of the files below a folder, links followed where they lead somewhere.
 * @throws ServingError LOAD_FAILED when the folder cannot be read.
 */
export async function folderSize(folder: string): Promise<number> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true })
    const files = entries.filter((entry) => !entry.isDirectory())
    const sizes = await Promise.all(
      files.map((entry) => fileSize(join(entry.parentPath, entry.name))),
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  } catch (cause) {
    throw new ServingError('LOAD_FAILED', 'The model folder cannot be read', { cause })
  }
}

async function fileSize(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return found?.size ?? 0
}
