import { randomUUID } from 'node:crypto'
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { ServingError } from '../errors.ts'
import { isAliasName } from '../model/model-uri.ts'
import { isNodeError } from './node-error.ts'

/** Version number of each alias, in the file's order. */
export type AliasTable = ReadonlyMap<string, string>

/** File of a model folder in the embedded registry: one line `alias: version` each. */
export const ALIASES_FILE = 'aliases.yaml'

/**
 * Reads the text of an `aliases.yaml`. Numbers are kept as text, so that `01` stays `01`.
 * @throws ServingError REGISTRY_UNAVAILABLE naming the line, what was expected and what is there.
 */
export function parseAliases(text: string): AliasTable {
  const lines = new LineCounter()
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines })
  const [error] = document.errors
  if (error !== undefined) throw unreadable(error.message.split('\n')[0] ?? '')
  const aliases = new Map<string, string>()
  if (document.contents === null) return aliases
  if (!isMap(document.contents)) throw unreadable('expected lines of <alias>: <version>')
  for (const { key, value } of document.contents.items) {
    const [alias, version] = [textOf(key), textOf(value)]
    const where = lines.linePos(isScalar(key) ? (key.range?.[0] ?? 0) : 0).line
    if (!isAliasName(alias)) {
      throw unreadable(
        `line ${where}: expected an alias of letters, digits, _ and -, got "${alias}"`,
      )
    }
    if (!/^\d+$/.test(version)) {
      throw unreadable(`line ${where}: expected a version number for ${alias}, got "${version}"`)
    }
    aliases.set(alias, version)
  }
  return aliases
}

function textOf(node: unknown): string {
  return isScalar(node) ? String(node.value ?? '') : ''
}

function unreadable(why: string): ServingError {
  return new ServingError('REGISTRY_UNAVAILABLE', `${ALIASES_FILE} cannot be read: ${why}`)
}

/** The text with an alias set, or deleted when `version` is undefined. Comments and other lines stay. */
export function editAliases(text: string, alias: string, version: string | undefined): string {
  parseAliases(text)
  const document = parseDocument(text, { schema: 'failsafe' })
  if (version !== undefined) {
    document.set(alias, version)
    return String(document)
  }
  const first = isMap(document.contents) ? document.contents.items[0]?.key : undefined
  if (isScalar(first) && first.value === alias && first.commentBefore) {
    // The comment at the head of the file belongs to its first line for the parser; keep it.
    document.commentBefore = first.commentBefore
  }
  document.delete(alias)
  return String(document)
}

/** Text of a model folder's aliases; empty where there is no such file. */
export async function readAliasesFile(modelFolder: string): Promise<string> {
  try {
    return await readFile(join(modelFolder, ALIASES_FILE), 'utf8')
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return ''
    throw error
  }
}

/** Replaces the file in one step: a reader sees the old text or the new one, never half of it. */
export async function writeAliasesFile(modelFolder: string, text: string): Promise<void> {
  const named = join(modelFolder, ALIASES_FILE)
  // A link is followed, so that the rename replaces the file and not the link.
  const target = await realpath(named).catch(() => named)
  const mode = await stat(target).then(
    (stats) => stats.mode,
    () => 0o644,
  )
  const temporary = join(dirname(target), `.${ALIASES_FILE}.${randomUUID()}`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
