import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type {
  ArtifactSource,
  DownloadProgress,
  LoadedModel,
  LoadedModelInfo,
  ModelLoader,
  ModelVersion,
} from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import { Batcher } from './batcher.ts'
import type { ServingEvents } from './events.ts'
import type { ServedModel } from './served-model.ts'
import type { BatchSettings } from './settings.ts'

/**
 * A check that a loaded version must pass before it may take over. Rejects with the reason to refuse it.
 * @param serving the version that it would replace, which answers requests meanwhile; undefined on first load.
 */
export type Gate<Contract> = (
  candidate: ServedModel<Contract>,
  serving: ServedModel<Contract> | undefined,
  signal: AbortSignal,
) => Promise<void>

/** What turns a registered version into one that can answer. */
export interface BringUpParts<Contract> {
  readonly clock: Clock
  readonly events: ServingEvents
  readonly artifacts: ArtifactSource
  readonly loaderFor: (modelName: string) => ModelLoader
  /** Reads the MLmodel file of a folder. @throws ServingError MODEL_INVALID, MODEL_UNSUPPORTED. */
  readonly readManifest: (folder: string) => Promise<ModelManifest>
  /** Made once a version: whatever decides how a request's bytes are read. May throw MODEL_INVALID. */
  readonly makeContract: (
    manifest: ModelManifest,
    info: LoadedModelInfo,
    version: ModelVersion,
  ) => Contract
  readonly batchSettingsFor: (modelName: string) => BatchSettings
  /** In order; empty where nothing is to be checked. */
  readonly gates: readonly Gate<Contract>[]
}

/**
 * Takes a version from `resolving` to the end of `warming`. Whatever it had taken hold of when it failed stays with
 * the version, to be given back by `retire`.
 * @throws ServingError from the step that failed, or the signal's reason; the version's state is the stage.
 */
export async function bringUp<Contract>(
  candidate: ServedModel<Contract>,
  serving: ServedModel<Contract> | undefined,
  parts: BringUpParts<Contract>,
  signal: AbortSignal,
): Promise<void> {
  candidate.move('downloading', 'its turn to load')
  const onProgress = (progress: DownloadProgress): void => {
    candidate.noteProgress(progress)
    const { name: model, version } = candidate
    parts.events.emit('download', { model, version, progress })
  }
  const artifact = await parts.artifacts.acquire(candidate.registered, onProgress, signal)
  candidate.hold(artifact)
  signal.throwIfAborted()

  candidate.move('loading', 'files are on disk')
  const manifest = await parts.readManifest(artifact.folder)
  signal.throwIfAborted()
  const loader = parts.loaderFor(candidate.name)
  const loaded = await load(candidate, loader, artifact.folder, manifest, signal)
  candidate.own(loaded)
  signal.throwIfAborted()

  candidate.move('warming', howLoaded(loaded.info))
  equip(candidate, manifest, loaded, parts)
  for (const gate of parts.gates) {
    await gate(candidate, serving, signal)
    signal.throwIfAborted()
  }
}

/** Names the backend where there are several, and why it is not the first choice. */
function howLoaded({ backend, missingKernel }: LoadedModelInfo): string {
  if (backend === undefined) return 'loaded'
  if (missingKernel === undefined) return `loaded on ${backend}`
  return `loaded on ${backend}, since the kernel ${missingKernel} is missing elsewhere`
}

async function load<Contract>(
  candidate: ServedModel<Contract>,
  loader: ModelLoader,
  folder: string,
  manifest: ModelManifest,
  signal: AbortSignal,
): Promise<LoadedModel> {
  try {
    return await loader.load(folder, manifest, signal)
  } catch (error) {
    // The loader warms up itself, and only that runs the model.
    if (error instanceof ServingError && error.code === 'MODEL_FAILED' && !signal.aborted) {
      candidate.move('warming', 'loaded')
    }
    throw error
  }
}

function equip<Contract>(
  candidate: ServedModel<Contract>,
  manifest: ModelManifest,
  loaded: LoadedModel,
  parts: BringUpParts<Contract>,
): void {
  const { name: model, version } = candidate
  const contract = parts.makeContract(manifest, loaded.info, candidate.registered)
  const batcher = new Batcher({
    model: loaded,
    settings: parts.batchSettingsFor(model),
    clock: parts.clock,
    observer: (report) => parts.events.emit('batch', { model, version, ...report }),
  })
  candidate.equip({ batcher, contract })
}
