import { readFileSync } from 'node:fs'
import { ServingError } from '../errors.ts'
import type { ConfigFile } from './config-file.ts'
import { type Config, type Flags, readConfig } from './read-config.ts'

/**
 * The configuration of this process: its flags, its environment and the file that `--config` or
 * BATON_CONFIG names. Nothing else reads `process.env`.
 * @throws ServingError CONFIG_INVALID.
 */
export async function loadConfig(flags: Flags, configFlag: string | undefined): Promise<Config> {
  const { env } = process
  // On Node 20 the SDK prints a warning to standard error with every client; Baton's minimum is stated elsewhere.
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const fileName = configFlag ?? (env.BATON_CONFIG || undefined)
  const file = fileName === undefined ? undefined : await readFile(fileName)
  return readConfig({ flags, env, file, credentials: readCredentials(env.HOME) })
}

/** Folders that the defaults stand for, from the environment that operating systems set. */
export function userCacheFolder(): string | undefined {
  const { XDG_CACHE_HOME, HOME } = process.env
  if (XDG_CACHE_HOME) return `${XDG_CACHE_HOME}/baton`
  return HOME ? `${HOME}/.cache/baton` : undefined
}

/** MLflow's credentials file is optional, and MLflow takes one that it cannot read for none. */
function readCredentials(home: string | undefined): string | undefined {
  if (home === undefined) return undefined
  try {
    return readFileSync(`${home}/.mlflow/credentials`, 'utf8')
  } catch {
    return undefined
  }
}

async function readFile(name: string): Promise<ConfigFile> {
  // Imported when there is a file: it comes with zod, which alone takes 50 ms.
  const { parseConfigFile } = await import('./config-file.ts')
  return parseConfigFile(name, readText(name))
}

function readText(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new ServingError(
      'CONFIG_INVALID',
      `--config / BATON_CONFIG: expected a readable YAML file, received "${name}" (${why})`,
      { cause: error },
    )
  }
}
