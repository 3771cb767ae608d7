import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ModelVersion } from '../../interfaces.ts'
import type { CacheIndex, IndexedFile } from './cache-index-schema.ts'

/** Name of the index in an entry's folder. Its time of change is when the entry was last used. */
export const INDEX = 'index.json'
/** Folder in an entry with the model's files. */
export const FILES = 'files'

/** The folder name of a version: readable, and different for every name, version, source and identity. */
export function entryName({ name, version, source, identity }: ModelVersion): string {
  const hash = createHash('sha256').update(JSON.stringify([name, version, source, identity]))
  return `${readable(name, 80)}-${readable(version, 40)}-${hash.digest('hex').slice(0, 16)}`
}

/** Text fit for a file name, not longer than `length`. */
export function readable(text: string, length: number): string {
  return text
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, length)
}

export function createIndex(
  version: ModelVersion,
  files: readonly IndexedFile[],
  now: number,
): CacheIndex {
  return {
    format: 1,
    name: version.name,
    version: version.version,
    source: version.source,
    identity: version.identity,
    created: new Date(now).toISOString(),
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
  }
}

/** The index of the entry in `folder`; undefined where there is none that can be read. */
export async function readIndex(folder: string): Promise<CacheIndex | undefined> {
  // Imported with the first index: zod takes 50 ms, which models that are read in place need not pay.
  const { INDEX_SCHEMA } = await import('./cache-index-schema.ts')
  try {
    return INDEX_SCHEMA.parse(JSON.parse(await readFile(join(folder, INDEX), 'utf8')))
  } catch {
    return undefined
  }
}

/**
 * Whether the files of an entry are those of its index: by size, or by their content as well. Sizes cost a
 * system call a file; a write that the disk lost shows in the content alone.
 */
export async function isWhole(
  folder: string,
  index: CacheIndex,
  verify: 'size' | 'content',
): Promise<boolean> {
  for (const file of index.files) {
    const path = join(folder, FILES, file.path)
    const facts = await stat(path).catch(() => undefined)
    if (facts === undefined || !facts.isFile() || facts.size !== file.size) return false
    if (verify === 'content' && (await sha256(path)) !== file.sha256) return false
  }
  return true
}

async function sha256(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch {
    return undefined
  }
  return hash.digest('hex')
}
