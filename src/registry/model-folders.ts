import { readdir } from 'node:fs/promises'
import { join, resolve as resolvePath } from 'node:path'
import { ServingError } from '../errors.ts'
import { type AliasTable, parseAliases, readAliasesFile } from './aliases-file.ts'
import { isNodeError } from './node-error.ts'
import { listVersions } from './version-folder.ts'

/** Names in a message about a wrong one. */
const MAX_NAMES = 20

/** The folder of an embedded registry: `<model>/<version>/MLmodel` and `<model>/aliases.yaml`. */
export class ModelFolders {
  readonly root: string

  constructor(root: string) {
    this.root = resolvePath(root)
  }

  /** Path of a model's folder, which need not exist. `name` has passed {@link versions} or {@link names}. */
  folderOf(name: string): string {
    return join(this.root, name)
  }

  /** Names of the folders that may be models, in order. @throws ServingError REGISTRY_UNAVAILABLE */
  async names(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.root, { withFileTypes: true })
      return entries
        .filter((entry) => !entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => entry.name)
        .sort()
    } catch (cause) {
      throw new ServingError(
        'REGISTRY_UNAVAILABLE',
        'The folder of the registry cannot be read; check --registry-uri, or set MLFLOW_TRACKING_URI for an MLflow server',
        { cause },
      )
    }
  }

  /** Versions of a model that are there. @throws ServingError MODEL_NOT_FOUND, REGISTRY_UNAVAILABLE */
  async versions(name: string): Promise<readonly string[]> {
    // A name is one folder below the root: MLflow allows no slash, and nothing here may climb out.
    if (!/[/\\\0]/.test(name) && !name.startsWith('.')) {
      try {
        return await listVersions(this.folderOf(name))
      } catch (error) {
        if (!isNodeError(error, 'ENOENT', 'ENOTDIR')) throw this.#unreadable(name, error)
      }
    }
    throw await this.#notFound(name)
  }

  /** @throws ServingError REGISTRY_UNAVAILABLE when the file cannot be read */
  async aliases(name: string): Promise<AliasTable> {
    return parseAliases(await this.aliasesText(name))
  }

  async aliasesText(name: string): Promise<string> {
    try {
      return await readAliasesFile(this.folderOf(name))
    } catch (error) {
      throw this.#unreadable(name, error)
    }
  }

  async #notFound(name: string): Promise<ServingError> {
    const names = (await this.names()).slice(0, MAX_NAMES)
    const known = names.length === 0 ? 'it is empty' : `it has ${names.join(', ')}`
    return new ServingError(
      'MODEL_NOT_FOUND',
      `No model "${name}" in the folder registry; ${known}`,
    )
  }

  #unreadable(name: string, cause: unknown): ServingError {
    const code = isNodeError(cause) ? cause.code : 'unknown error'
    return new ServingError(
      'REGISTRY_UNAVAILABLE',
      `The folder of model "${name}" cannot be read (${code}); check its permissions`,
      { cause },
    )
  }
}
