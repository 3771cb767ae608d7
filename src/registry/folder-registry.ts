import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ServingError } from '../errors.ts'
import type { ModelVersion, Registry, Resolution } from '../interfaces.ts'
import { formatModelRef, type ModelRef } from '../model/model-uri.ts'
import type { AliasTable } from './aliases-file.ts'
import { resolveArtifact } from './direct-artifact.ts'
import { FolderGlances } from './folder-glances.ts'
import { watchFolders } from './folder-watch.ts'
import { ModelFolders } from './model-folders.ts'
import {
  aliasNotFound,
  answered,
  danglingAlias,
  highestVersion,
  inPlace,
  noVersion,
  versionNotFound,
} from './resolutions.ts'
import { readFolderState } from './version-folder.ts'

type VersionRef = Extract<ModelRef, { readonly kind: 'alias' | 'latest' | 'version' }>

export interface FolderRegistryOptions {
  /** Folder of `<model>/<version>/MLmodel` and `<model>/aliases.yaml`. */
  readonly root: string
  /** Told once of a file that cannot be read while its last good contents stay in use. */
  readonly onProblem?: (model: string, problem: ServingError) => void
  /**
   * Milliseconds; 1000. A version that changed less than this ago may be half copied: it is looked at a second
   * time after as long, and is not ready if it changed again.
   */
  readonly settleMs?: number
  /**
   * Milliseconds; 0. How long an alias's version is taken to be the same as long as neither the model's folder, nor its
   * aliases, nor the version's folder has changed. A file that is rewritten in place may be seen as much later.
   */
  readonly glanceMs?: number
  readonly now?: () => number
}

/**
 * The embedded registry: a folder that a person can make with an editor and git can keep. `latest` is the
 * highest version number. A version without MLmodel is not there yet; aliases that cannot be read keep their
 * last good values.
 */
export class FolderRegistry implements Registry {
  readonly location: string
  readonly #folders: ModelFolders
  readonly #onProblem: (model: string, problem: ServingError) => void
  readonly #settleMs: number
  readonly #now: () => number
  /** Last aliases that could be read, by model. */
  readonly #lastGood = new Map<string, AliasTable>()
  /** Problem told last, by model. */
  readonly #told = new Map<string, string>()
  /** Identity given out last, by version folder: those files were whole. */
  readonly #settled = new Map<string, string>()
  readonly #glances: FolderGlances

  constructor(options: FolderRegistryOptions) {
    this.#folders = new ModelFolders(options.root)
    this.location = this.#folders.root
    this.#onProblem = options.onProblem ?? (() => undefined)
    this.#settleMs = options.settleMs ?? 1000
    this.#now = options.now ?? Date.now
    this.#glances = new FolderGlances({
      validMs: options.glanceMs ?? 0,
      settleMs: this.#settleMs,
      now: this.#now,
    })
  }

  async resolve(refs: readonly ModelRef[], signal: AbortSignal): Promise<readonly Resolution[]> {
    return answered(await Promise.all(refs.map((ref) => this.#resolve(ref, signal).catch(inPlace))))
  }

  /** Each model that has a version, at its champion alias, else at its highest version. */
  async listModels(signal: AbortSignal): Promise<readonly ModelRef[]> {
    const refs: ModelRef[] = []
    for (const name of await this.#folders.names()) {
      signal.throwIfAborted()
      if ((await this.#folders.versions(name)).length === 0) continue
      const hasChampion = await this.#aliases(name).then(
        (aliases) => aliases.has('champion'),
        // There may be a champion: better to wait for it than to serve another version.
        () => true,
      )
      refs.push(hasChampion ? { kind: 'alias', name, alias: 'champion' } : { kind: 'latest', name })
    }
    return refs
  }

  watch(onHint: (modelName: string) => void): () => void {
    return watchFolders(this.location, onHint)
  }

  async #resolve(ref: ModelRef, signal: AbortSignal): Promise<ModelVersion> {
    switch (ref.kind) {
      case 'artifact':
        return resolveArtifact(ref)
      case 'stage':
        throw new ServingError(
          'MODEL_URI_INVALID',
          `${formatModelRef(ref)} names a stage, and a folder registry has none; use an alias: models:/${ref.name}@<alias>`,
        )
      case 'model-id':
      case 'run':
        throw new ServingError(
          'MODEL_URI_INVALID',
          `${formatModelRef(ref)} needs an MLflow server (set MLFLOW_TRACKING_URI); a model of a folder registry is written models:/<name>@<alias> or models:/<name>/<version>`,
        )
      case 'alias':
        return this.#glances.answer(this.#folders.folderOf(ref.name), ref.alias, () =>
          this.#look(ref, signal),
        )
      default:
        return this.#look(ref, signal)
    }
  }

  async #look(ref: VersionRef, signal: AbortSignal): Promise<ModelVersion> {
    return this.#describe(ref.name, await this.#target(ref), signal)
  }

  /** The version that a reference means now; it is there. */
  async #target(ref: VersionRef): Promise<string> {
    const versions = await this.#folders.versions(ref.name)
    if (ref.kind === 'latest') {
      const highest = highestVersion(versions)
      if (highest === undefined) throw noVersion(ref.name)
      return highest
    }
    if (ref.kind === 'version') {
      if (versions.includes(ref.version)) return ref.version
      throw versionNotFound(ref.name, ref.version, versions)
    }
    const aliases = await this.#aliases(ref.name)
    const version = aliases.get(ref.alias)
    if (version === undefined) throw aliasNotFound(ref.name, ref.alias, [...aliases.keys()])
    if (!versions.includes(version)) throw danglingAlias(ref, version)
    return version
  }

  async #aliases(name: string): Promise<AliasTable> {
    try {
      const aliases = await this.#folders.aliases(name)
      this.#lastGood.set(name, aliases)
      this.#told.delete(name)
      return aliases
    } catch (error) {
      const problem = inPlace(error)
      const lastGood = this.#lastGood.get(name)
      if (lastGood === undefined) throw problem
      if (this.#told.get(name) !== problem.message) {
        this.#told.set(name, problem.message)
        this.#onProblem(name, problem)
      }
      return lastGood
    }
  }

  async #describe(name: string, version: string, signal: AbortSignal): Promise<ModelVersion> {
    const source = join(this.#folders.folderOf(name), version)
    const identity = await this.#settledIdentity(source, signal)
    if (identity === undefined) {
      throw new ServingError(
        'VERSION_NOT_READY',
        `Version ${version} of model "${name}" is still being written`,
      )
    }
    this.#settled.set(source, identity)
    return { name, version, source, identity }
  }

  async #settledIdentity(folder: string, signal: AbortSignal): Promise<string | undefined> {
    const state = await readFolderState(folder).catch(() => undefined)
    if (state === undefined) return undefined
    const isOld = Math.abs(this.#now() - state.changedAt) >= this.#settleMs
    if (isOld || state.identity === this.#settled.get(folder)) return state.identity
    await delay(this.#settleMs, undefined, { signal })
    const later = await readFolderState(folder).catch(() => undefined)
    return later?.identity === state.identity ? state.identity : undefined
  }
}
