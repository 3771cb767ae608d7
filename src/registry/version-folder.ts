import { createHash } from 'node:crypto'
import { access, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The file that makes a folder a model; what lacks it is not there yet. */
const MLMODEL_FILE = 'MLmodel'

/** State of a version's files. */
export interface FolderState {
  /** Differs when a file was added, removed, replaced or written to. */
  readonly identity: string
  /** When the youngest change happened, in milliseconds since 1970 by the file system's clock. */
  readonly changedAt: number
}

/** Looks at every file of a version folder but hidden ones, which are editors' and copiers' scratch files. */
export async function readFolderState(folder: string): Promise<FolderState> {
  const hash = createHash('sha256')
  let changedAt = 0
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (/(^|[/\\])\./.test(name)) continue
    const stats = await stat(join(folder, name), { bigint: true })
    changedAt = Math.max(changedAt, Number(stats.ctimeMs))
    if (stats.isFile()) hash.update(`${name}\0${stats.size}\0${stats.mtimeNs}\n`)
  }
  return { identity: hash.digest('hex').slice(0, 16), changedAt }
}

/** Names of the version folders of a model: numbers that hold an MLmodel file. */
export async function listVersions(modelFolder: string): Promise<readonly string[]> {
  const entries = await readdir(modelFolder)
  const numbers = entries.filter((entry) => /^\d+$/.test(entry))
  const there = await Promise.all(numbers.map((version) => hasMlmodel(join(modelFolder, version))))
  return numbers.filter((_, index) => there[index])
}

async function hasMlmodel(folder: string): Promise<boolean> {
  return access(join(folder, MLMODEL_FILE)).then(
    () => true,
    () => false,
  )
}
