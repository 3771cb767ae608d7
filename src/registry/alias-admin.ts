import { ServingError } from '../errors.ts'
import { isAliasName } from '../model/model-uri.ts'

/** An alias and the version it names. */
export interface Alias {
  readonly alias: string
  readonly version: string
}

/** Reads and moves the aliases of a registry's models. */
export interface AliasAdmin {
  /** Aliases of a model, in the registry's order. @throws ServingError MODEL_NOT_FOUND */
  listAliases(model: string, signal: AbortSignal): Promise<readonly Alias[]>
  /**
   * Points an alias at a version, whether it exists already or not.
   * @throws ServingError INVALID_INPUT (alias name), MODEL_NOT_FOUND, VERSION_NOT_FOUND
   */
  setAlias(model: string, alias: string, version: string, signal: AbortSignal): Promise<void>
  /** @throws ServingError MODEL_NOT_FOUND, ALIAS_NOT_FOUND */
  deleteAlias(model: string, alias: string, signal: AbortSignal): Promise<void>
}

/**
 * Refuses what MLflow refuses: other characters, and the names that read as a version
 * (mlflow/utils/validation.py, `_validate_model_alias_name_reserved`).
 * @throws ServingError INVALID_INPUT
 */
export function checkNewAlias(alias: string): void {
  if (!isAliasName(alias)) {
    throw new ServingError(
      'INVALID_INPUT',
      `Expected an alias of 1 to 255 letters, digits, _ and -, got "${alias}"`,
    )
  }
  if (/^latest$/i.test(alias) || /^v\d+$/i.test(alias)) {
    throw new ServingError(
      'INVALID_INPUT',
      `Expected an alias other than latest and v<number>, which mean versions, got "${alias}"`,
    )
  }
}
