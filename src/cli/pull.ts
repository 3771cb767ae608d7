import { Command } from 'commander'
import { createProgressReporter } from '../artifacts/progress.ts'
import type { ModelSource } from '../assembly/model-source.ts'
import { systemClock } from '../clock.ts'
import type { LocalArtifact, ModelVersion } from '../interfaces.ts'
import { resolveOne } from './resolve.ts'
import { addSettings, configOf, REGISTRY_SETTINGS } from './settings-options.ts'

/** `baton pull <uri>`: downloads a version into the cache and prints its folder. */
export function pullCommand(): Command {
  const command = new Command('pull')
    .description('download a model into the cache and print its folder')
    .argument('<uri>', 'model URI such as models:/iris-classifier@champion')
    .option('--json', 'print JSON')
  return addSettings(command, REGISTRY_SETTINGS).action(async (uri: string) => {
    const { openModelSource } = await import('../assembly/model-source.ts')
    const source = openModelSource(await configOf(command), { clock: systemClock })
    const abort = new AbortController()
    const stop = () => abort.abort()
    process.once('SIGINT', stop)
    try {
      const version = await resolveOne(source, uri)
      const artifact = await download(source, version, abort.signal)
      const { folder, bytes } = artifact
      const { name, version: number } = version
      const text = command.opts().json
        ? JSON.stringify({ name, version: number, folder, bytes })
        : folder
      process.stdout.write(`${text}\n`)
      artifact.release()
    } finally {
      process.off('SIGINT', stop)
      await source.close()
    }
  })
}

async function download(
  source: ModelSource,
  version: ModelVersion,
  signal: AbortSignal,
): Promise<LocalArtifact> {
  const reporter = createProgressReporter(process.stderr, systemClock)
  const track = reporter.track(`${version.name} ${version.version}`)
  try {
    const artifact = await source.cache.acquire(version, track.onProgress, signal)
    track.end('done')
    return artifact
  } catch (error) {
    track.end('failed')
    throw error
  }
}
