import { type Alias, type AliasAdmin, checkNewAlias } from './alias-admin.ts'
import { editAliases, parseAliases, writeAliasesFile } from './aliases-file.ts'
import { ModelFolders } from './model-folders.ts'
import { aliasNotFound, versionNotFound } from './resolutions.ts'

/** Aliases of the embedded registry: edits `aliases.yaml` as a person would, comments kept. */
export class FolderAliases implements AliasAdmin {
  readonly #folders: ModelFolders

  constructor(root: string) {
    this.#folders = new ModelFolders(root)
  }

  async listAliases(model: string): Promise<readonly Alias[]> {
    await this.#folders.versions(model)
    const aliases = await this.#folders.aliases(model)
    return [...aliases].map(([alias, version]) => ({ alias, version }))
  }

  async setAlias(model: string, alias: string, version: string): Promise<void> {
    checkNewAlias(alias)
    const versions = await this.#folders.versions(model)
    if (!versions.includes(version)) throw versionNotFound(model, version, versions)
    await this.#edit(model, alias, version)
  }

  async deleteAlias(model: string, alias: string): Promise<void> {
    await this.#folders.versions(model)
    const aliases = parseAliases(await this.#folders.aliasesText(model))
    if (!aliases.has(alias)) throw aliasNotFound(model, alias, [...aliases.keys()])
    await this.#edit(model, alias, undefined)
  }

  async #edit(model: string, alias: string, version: string | undefined): Promise<void> {
    const text = await this.#folders.aliasesText(model)
    await writeAliasesFile(this.#folders.folderOf(model), editAliases(text, alias, version))
  }
}
