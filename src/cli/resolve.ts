import { Command } from 'commander'
import type { ModelSource } from '../assembly/model-source.ts'
import { systemClock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ModelVersion } from '../interfaces.ts'
import { parseModelUri } from '../model/model-uri.ts'
import { addSettings, configOf, REGISTRY_SETTINGS } from './settings-options.ts'

/** `baton resolve <uri>`: which version a model URI means now, and where its files are. */
export function resolveCommand(): Command {
  const command = new Command('resolve')
    .description('show which version a model URI means now')
    .argument('<uri>', 'model URI such as models:/iris-classifier@champion')
    .option('--json', 'print JSON')
  return addSettings(command, REGISTRY_SETTINGS).action(async (uri: string) => {
    const { openModelSource } = await import('../assembly/model-source.ts')
    const source = openModelSource(await configOf(command), { clock: systemClock })
    try {
      const { name, version, source: location } = await resolveOne(source, uri)
      const text = command.opts().json
        ? JSON.stringify({ name, version, source: location })
        : `${name} version ${version}\n${location}`
      process.stdout.write(`${text}\n`)
    } finally {
      await source.close()
    }
  })
}

/** @throws ServingError saying why the URI means no version now. */
export async function resolveOne(source: ModelSource, uri: string): Promise<ModelVersion> {
  const { registry } = source.opened
  const [resolution] = await registry.resolve([parseModelUri(uri)], new AbortController().signal)
  if (resolution === undefined) throw new ServingError('INTERNAL', `Nothing was said of ${uri}`)
  if (resolution instanceof ServingError) throw resolution
  return resolution
}
