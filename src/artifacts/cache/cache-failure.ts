import { ServingError } from '../../errors.ts'

const FOLDER = 'the folder for downloaded models (--cache-dir, BATON_CACHE_DIR)'

/** A failed write, or other trouble with the cache folder, as a failure that says what to check. */
export function cacheFailure(error: unknown): ServingError {
  if (error instanceof ServingError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
  return new ServingError('CACHE_FAILED', explain(code), {
    cause: error,
    details: { reason: code },
  })
}

function explain(code: string): string {
  switch (code) {
    case 'ENOSPC':
      return `No space is left on the disk of ${FOLDER}; make room, or lower --cache-max-bytes below its size`
    case 'EDQUOT':
      return `The quota on the disk of ${FOLDER} is used up; make room, or raise it`
    case 'EROFS':
      return `The file system of ${FOLDER} is read-only; mount a writable volume there, or name another folder`
    case 'EACCES':
    case 'EPERM':
      return `The user that Baton runs as may not write to ${FOLDER}; change its owner or mode, or name another folder`
    case 'ENOTDIR':
    case 'EEXIST':
      return `Expected a folder, got a file where ${FOLDER} should be`
    case 'ENOENT':
      return `Nothing can be made in ${FOLDER}, or it went away; check that its disk is mounted and writable`
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many files are open; raise the limit (ulimit -n)'
    case 'ENAMETOOLONG':
      return `A file name of the model is too long for the file system of ${FOLDER}; name a shorter one`
    default:
      return `Trouble with ${FOLDER} (${code}); check the disk`
  }
}

/** The code of a file system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Whether the file or folder was simply not there. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'
}
