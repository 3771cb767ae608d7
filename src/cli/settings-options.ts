import { type Command, Option } from 'commander'
import { loadConfig } from '../config/load-config.ts'
import type { Config, Flags } from '../config/read-config.ts'
import { SETTINGS, type SettingName } from '../config/settings.ts'

/** Adds the flags of these settings to a command, with the variables and defaults in the help text. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const { flags, env, help, fallback } = SETTINGS[name]
    if (flags === undefined) continue
    const variables = env.length === 0 ? '' : ` [${env.join(', ')}]`
    const shown = typeof fallback === 'string' ? ` (default: ${fallback})` : ''
    command.addOption(new Option(flags, `${help}${shown}${variables}`))
  }
  return command.option('--config <file>', 'YAML file with settings and models [BATON_CONFIG]')
}

/** Every setting that has a flag. */
export const ALL_SETTINGS = Object.keys(SETTINGS) as readonly SettingName[]

/** The settings that reach a registry and its artifacts. */
export const REGISTRY_SETTINGS: readonly SettingName[] = [
  'registryUri',
  'registryTimeoutMs',
  'cacheDir',
  'cacheMaxBytes',
  'modelMaxBytes',
  'modelMaxFiles',
]

/** The configuration as this command's flags, the environment and the file give it. */
export async function configOf(command: Command): Promise<Config> {
  const given = command.opts<Record<string, string | string[] | boolean>>()
  const flags: Record<string, string | readonly string[] | boolean> = {}
  for (const name of ALL_SETTINGS) {
    const key = attributeName(name)
    const value = key === undefined ? undefined : given[key]
    // Commander gives a negated flag (--no-conda) the value true when it is absent.
    if (value === undefined || (name === 'noConda' && value === true)) continue
    flags[name] = name === 'noConda' ? true : value
  }
  return loadConfig(flags as Flags, given.config as string | undefined)
}

function attributeName(name: SettingName): string | undefined {
  const { flags } = SETTINGS[name]
  return flags === undefined ? undefined : new Option(flags).attributeName()
}
