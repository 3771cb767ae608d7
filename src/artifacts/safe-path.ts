import { realpath } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { ServingError } from '../errors.ts'

/** Longest key S3 knows; with the cache folder before it still below every PATH_MAX. */
const MAX_PATH_BYTES = 1024
/** NAME_MAX of the file systems there are. */
const MAX_NAME_BYTES = 255
/** As MLflow's `validate_path_is_safe`, which decodes up to ten times (mlflow/utils/uri.py). */
const MAX_DECODING_ROUNDS = 10

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/
const WINDOWS_DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i

/** Why a name from a listing must not become a path below the model's folder; undefined when it may. */
export function unsafePathReason(path: string, platform = process.platform): string | undefined {
  if (path === '') return 'it is empty'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`
  if (/\p{Surrogate}/u.test(path)) return 'it is not valid Unicode'
  let text = path
  for (let round = 0; round <= MAX_DECODING_ROUNDS; round++) {
    const reason = structureReason(text)
    if (reason !== undefined) return round === 0 ? reason : `${reason} once percent-decoded`
    const decoded = percentDecode(text)
    if (decoded === text) return namesReason(path, platform)
    text = decoded
  }
  return `it is still percent-encoded after ${MAX_DECODING_ROUNDS} rounds`
}

/** What makes a path climb, or mean another thing elsewhere; looked for again after each round of decoding. */
function structureReason(path: string): string | undefined {
  if (CONTROL_CHARACTERS.test(path)) return 'it has a control character'
  if (path.includes('\\')) return 'it has a backslash'
  if (path.startsWith('/')) return 'it is absolute'
  if (/^[a-z]:/i.test(path)) return 'it begins with a drive letter'
  for (const name of path.split('/')) {
    if (name === '') return 'it has an empty name in it'
    if (name === '.' || name === '..') return `it has "${name}" in it`
  }
  return undefined
}

function namesReason(path: string, platform: NodeJS.Platform): string | undefined {
  for (const name of path.split('/')) {
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      return `a name in it is longer than ${MAX_NAME_BYTES} bytes`
    }
    if (platform !== 'win32') continue
    if (WINDOWS_DEVICES.test(name)) return 'it has a name that Windows reserves'
    if (/[<>:"|?*]|[. ]$/.test(name)) return 'it has a name that Windows cannot hold'
  }
  return undefined
}

/** Decodes what can be decoded and leaves a lone percent sign, as Python's `unquote` does. */
function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  )
}

/**
 * The name itself, when it may become a path below the model's folder.
 * @throws ServingError ARTIFACT_UNSAFE saying which name and why.
 */
export function checkPath(path: string): string {
  const reason = unsafePathReason(path)
  if (reason === undefined) return path
  throw new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected relative file names in the model's folder, got ${quotePath(path)}: ${reason}; nothing was written`,
  )
}

/** A foreign name made fit for a log line. */
export function quotePath(path: string): string {
  const shown = path.length > 120 ? `${path.slice(0, 120)}…` : path
  return JSON.stringify(shown)
}

/** Whether `path`, followed through every link, is `root` or lies below it. Both exist; `root` has no links. */
export async function staysInside(root: string, path: string): Promise<boolean> {
  const way = relative(root, await realpath(path))
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !/^[a-z]:/i.test(way))
}
