import { ServingError } from '../errors.ts'
import { type Alias, type AliasAdmin, checkNewAlias } from './alias-admin.ts'
import type { MlflowClient } from './mlflow-client.ts'
import { aliasNotFound, highestVersion } from './resolutions.ts'

/** Aliases of MLflow's registry. MLflow has no compare-and-set: of two writers the later wins. */
export class MlflowAliases implements AliasAdmin {
  readonly #client: MlflowClient

  constructor(client: MlflowClient) {
    this.#client = client
  }

  async listAliases(model: string, signal: AbortSignal): Promise<readonly Alias[]> {
    return (await this.#open(model, signal)).aliases
  }

  async setAlias(
    model: string,
    alias: string,
    version: string,
    signal: AbortSignal,
  ): Promise<void> {
    checkNewAlias(alias)
    const change = await this.#client.setAlias(model, alias, version, signal)
    if (change.done) return
    const { latest_versions: latest } = await this.#open(model, signal)
    const newest = highestVersion(latest.map((entry) => entry.version)) ?? 'none'
    throw new ServingError(
      'VERSION_NOT_FOUND',
      `Alias "${alias}" of model "${model}" cannot name version ${version} (newest: ${newest}): ${change.why}`,
    )
  }

  /** MLflow deletes what is not there without a word; a person who mistyped wants to hear it. */
  async deleteAlias(model: string, alias: string, signal: AbortSignal): Promise<void> {
    const aliases = (await this.#open(model, signal)).aliases.map((entry) => entry.alias)
    if (!aliases.includes(alias)) throw aliasNotFound(model, alias, aliases)
    const change = await this.#client.deleteAlias(model, alias, signal)
    if (!change.done) {
      const message = `Alias "${alias}" of model "${model}" cannot be deleted: ${change.why}`
      throw new ServingError('REGISTRY_UNAVAILABLE', message)
    }
  }

  async #open(model: string, signal: AbortSignal) {
    const registered = await this.#client.registeredModel(model, signal)
    if (registered !== undefined) return registered
    throw new ServingError(
      'MODEL_NOT_FOUND',
      `No registered model "${model}" at ${this.#client.location}`,
    )
  }
}
