import { ServingError } from '../errors.ts'
import { mergeLogin, parseCredentialsFile } from '../mlflow/credentials-file.ts'
import type { ConfigFile, ModelFileEntry } from './config-file.ts'
import { SETTINGS, type SettingName, type Settings } from './settings.ts'

/** Values given on the command line, by setting name: text, repeated text, or true for a bare flag. */
export type Flags = Readonly<Partial<Record<SettingName, string | readonly string[] | boolean>>>

export interface ConfigSources {
  readonly flags: Flags
  readonly env: Readonly<Record<string, string | undefined>>
  /** The `--config` file, read by `parseConfigFile`. */
  readonly file: ConfigFile | undefined
  /** Text of `~/.mlflow/credentials`, where there is one. */
  readonly credentials?: string | undefined
}

/** Settings as resolved, and the models with what each has of its own. */
export interface Config extends Settings {
  /** Settings that one model has for itself, by model URI. */
  readonly modelEntries: readonly ModelFileEntry[]
  /** Flags that were accepted for the sake of MLflow's command line and do nothing. */
  readonly ignoredFlags: readonly string[]
}

const IGNORED: readonly SettingName[] = ['envManager', 'noConda', 'installMlflow']

/**
 * Resolves every setting: flag, then environment, then file, then default.
 * @throws ServingError CONFIG_INVALID that names every mistake at once, each with its flag and variable.
 */
export function readConfig({ flags, env, file, credentials }: ConfigSources): Config {
  const problems: string[] = [...(file?.problems ?? [])]
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    values[name] = readOne(name, flags[name], env, file?.settings[name], problems)
  }
  const settings = withLogin(values as Settings, credentials)
  checkTogether(settings, env, problems)
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`
    const lines = problems.map((problem) => `  ${problem}`).join('\n')
    throw new ServingError('CONFIG_INVALID', `The configuration has ${count}:\n${lines}`, {
      details: { problems },
    })
  }
  return {
    ...settings,
    modelUris: modelUris(settings, file?.models ?? []),
    modelEntries: file?.models ?? [],
    ignoredFlags: IGNORED.filter((name) => flags[name] !== undefined).map(
      (name) => longFlag(name) ?? name,
    ),
  }
}

/** The login of the environment, completed from the credentials file as MLflow's client does. */
function withLogin(settings: Settings, credentials: string | undefined): Settings {
  if (credentials === undefined) return settings
  const environment = { username: settings.trackingUsername, password: settings.trackingPassword }
  const login = mergeLogin(environment, parseCredentialsFile(credentials))
  return { ...settings, trackingUsername: login.username, trackingPassword: login.password }
}

/** Models in order: flags or MODEL_URI, else MODEL_NAME, else the file's; none means the whole folder registry. */
function modelUris(settings: Settings, entries: readonly ModelFileEntry[]): readonly string[] {
  if (settings.modelUris.length > 0) return settings.modelUris
  if (settings.modelName !== undefined)
    return [`models:/${settings.modelName}@${settings.modelAlias}`]
  return entries.map((entry) => entry.uri)
}

type Given = { readonly text: string; readonly from: string }

function readOne(
  name: SettingName,
  flag: Flags[SettingName],
  env: ConfigSources['env'],
  fileText: string | undefined,
  problems: string[],
): unknown {
  const { read, fallback } = SETTINGS[name]
  const given = givenBy(name, flag, env, fileText)
  if (given === undefined) return fallback
  try {
    return read(given.text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    problems.push(`${nameForPeople(name)}: ${why}, received "${given.text}" (${given.from})`)
    return fallback
  }
}

function givenBy(
  name: SettingName,
  flag: Flags[SettingName],
  env: ConfigSources['env'],
  fileText: string | undefined,
): Given | undefined {
  if (flag !== undefined) {
    const text = Array.isArray(flag) ? flag.join(' ') : String(flag)
    return { text, from: `from ${longFlag(name)}` }
  }
  for (const variable of SETTINGS[name].env) {
    const text = env[variable]
    // An empty variable is an unset one: Kubernetes and Compose files cannot leave one out.
    if (text !== undefined && text !== '') return { text, from: `from ${variable}` }
  }
  return fileText === undefined ? undefined : { text: fileText, from: 'from the file' }
}

function checkTogether(settings: Settings, env: ConfigSources['env'], problems: string[]): void {
  if (settings.trackingInsecureTls && settings.trackingServerCert !== undefined) {
    problems.push(
      'MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH: expected one of them, received both',
    )
  }
  const { trackingUsername: user, trackingPassword: password } = settings
  if ((user === undefined) !== (password === undefined)) {
    const missing = user === undefined ? 'MLFLOW_TRACKING_USERNAME' : 'MLFLOW_TRACKING_PASSWORD'
    problems.push(`${missing}: expected it together with the other half, received nothing`)
  }
  if (env.MODEL_ALIAS !== undefined && env.MODEL_ALIAS !== '' && settings.modelName === undefined) {
    problems.push('MODEL_ALIAS: expected MODEL_NAME beside it, received none')
  }
}

function longFlag(name: SettingName): string | undefined {
  return /--[a-z-]+/.exec(SETTINGS[name].flags ?? '')?.[0]
}

/** The setting as a person may have written it: flag, variable and file key. */
function nameForPeople(name: SettingName): string {
  const names = [longFlag(name), ...SETTINGS[name].env].filter((part) => part !== undefined)
  return names.join(' / ')
}
