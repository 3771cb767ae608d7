import { ServingError } from '../errors.ts'
import { quotePath } from './safe-path.ts'

/**
 * Paths of one model that can lie in one folder together: no two the same where the file system ignores
 * case or composes letters (macOS, Windows), none both a file and a folder.
 */
export class PathSet {
  readonly #kinds = new Map<string, 'file' | 'folder'>()

  /** @throws ServingError ARTIFACT_UNSAFE for a path that collides with one added before. */
  add(path: string): void {
    const names = fold(path).split('/')
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/')
      if (this.#kinds.get(folder) === 'file') throw collision(path)
      this.#kinds.set(folder, 'folder')
    }
    const file = names.join('/')
    if (this.#kinds.has(file)) throw collision(path)
    this.#kinds.set(file, 'file')
  }
}

function fold(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

function collision(path: string): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected file names that can lie in one folder, got ${quotePath(path)} beside a name that is the same but for case, or that is both file and folder; nothing was written`,
  )
}
