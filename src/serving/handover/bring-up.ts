import type { Clock } from '../../clock.ts'
import { type ErrorCode, ServingError } from '../../errors.ts'
import type {
  ArtifactSource,
  DownloadProgress,
  LoadedModel,
  LoadedModelInfo,
  MemoryRoom,
  ModelLoader,
  ModelVersion,
  TrialLoader,
} from '../../interfaces.ts'
import type { ModelManifest } from '../../model/mlmodel.ts'
import { Batcher } from '../batching/batcher.ts'
import type { Candidate, Findings } from '../candidate.ts'
import type { ServingEvents } from '../events.ts'
import { checkRoom, versionMemory } from '../memory.ts'
import type { ServedModel } from '../served-model.ts'
import type { BatchSettings } from '../settings.ts'

/**
 * A check that a loaded version must pass before it may take over. Rejects with the reason to refuse it; resolves to
 * what it found out otherwise.
 * @param serving the version that it would replace, which answers requests meanwhile; undefined on first load.
 */
export type Gate<Contract> = (
  candidate: Candidate<Contract>,
  serving: ServedModel<Contract> | undefined,
  signal: AbortSignal,
) => Promise<Findings>

/** What turns a registered version into one that can answer. */
export interface BringUpParts<Contract> {
  readonly clock: Clock
  readonly events: ServingEvents
  readonly artifacts: ArtifactSource
  readonly loaderFor: (modelName: string) => ModelLoader
  /**
   * Where a version is loaded and checked first, before the workers load it; undefined where the workers do so at
   * once.
   * @param replaces whether a version serves that it would replace.
   */
  readonly trialFor?: (modelName: string, replaces: boolean) => TrialLoader | undefined
  /** Memory that is left now; undefined where nothing limits it, or nobody is to be refused for it. */
  readonly memoryRoom?: () => MemoryRoom | undefined
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

/** Files on disk, and what their MLmodel file says. */
interface ModelFiles {
  readonly folder: string
  readonly manifest: ModelManifest
}

/**
 * Takes a version from `resolving` to the end of `warming`. Whatever it had taken hold of when it failed stays with
 * the version, to be given back by `retire`.
 * @throws ServingError from the step that failed, or the signal's reason; the version's state is the stage.
 */
export async function bringUp<Contract>(
  version: ServedModel<Contract>,
  serving: ServedModel<Contract> | undefined,
  parts: BringUpParts<Contract>,
  signal: AbortSignal,
): Promise<void> {
  version.move('downloading', 'its turn to load')
  const onProgress = (progress: DownloadProgress): void => {
    version.noteProgress(progress)
    parts.events.emit('download', { model: version.name, version: version.version, progress })
  }
  const artifact = await parts.artifacts.acquire(version.registered, onProgress, signal)
  version.hold(artifact)
  signal.throwIfAborted()

  version.move('loading', 'files are on disk')
  const { folder } = artifact
  const files = { folder, manifest: await parts.readManifest(folder) }
  signal.throwIfAborted()
  const trial = parts.trialFor?.(version.name, serving !== undefined)
  if (trial !== undefined) await tryOut(version, serving, files, trial, parts, signal)
  const memory = versionMemory(artifact.bytes, version.findings.trial)
  version.learn({ memory })
  // What nobody stands in for is tried all the same.
  if (serving !== undefined) checkRoom(memory, parts.memoryRoom?.())

  const loaded = await load(version, parts.loaderFor(version.name), files, signal)
  version.own(loaded)
  signal.throwIfAborted()
  enterWarming(version, howLoaded(loaded.info))
  const contract = parts.makeContract(files.manifest, loaded.info, version.registered)
  if (trial === undefined) {
    await passGates(version, serving, { ...files, model: loaded, contract }, parts, signal)
  }
  equip(version, files.manifest, contract, loaded, parts)
  if (serving !== undefined) version.checkedAgainst.add(serving.id)
}

/** Loads and checks a version where it can do no harm, and ends what was started for that. */
async function tryOut<Contract>(
  version: ServedModel<Contract>,
  serving: ServedModel<Contract> | undefined,
  files: ModelFiles,
  loader: TrialLoader,
  parts: BringUpParts<Contract>,
  signal: AbortSignal,
): Promise<void> {
  const { name: model, version: number } = version
  const startedAt = parts.clock.monotonic()
  const report = (code?: ErrorCode): void => {
    const durationMs = parts.clock.monotonic() - startedAt
    parts.events.emit('trial', { model, version: number, durationMs, code })
  }
  try {
    const trial = await load(version, loader, files, signal)
    try {
      enterWarming(version, `${howLoaded(trial.info)} on trial`)
      const contract = parts.makeContract(files.manifest, trial.info, version.registered)
      await passGates(version, serving, { ...files, model: trial, contract }, parts, signal)
      version.learn({ trial: trial.figures() })
    } finally {
      await trial.unload()
    }
  } catch (error) {
    if (!signal.aborted) report(ServingError.from(error, 'LOAD_FAILED').code)
    throw error
  }
  report()
  signal.throwIfAborted()
}

/**
 * Has a loaded version, which another reference serves, checked against the one that it is to replace.
 * @throws ServingError of the gate that refuses it, or the signal's reason.
 */
export async function checkAgainst<Contract>(
  version: ServedModel<Contract>,
  serving: ServedModel<Contract>,
  parts: Pick<BringUpParts<Contract>, 'gates'>,
  signal: AbortSignal,
): Promise<void> {
  await passGates(version, serving, version.candidate(), parts, signal)
  const { batchingObstacle } = version.findings
  if (batchingObstacle !== undefined) version.batcher?.disableBatching(batchingObstacle)
  version.checkedAgainst.add(serving.id)
}

async function passGates<Contract>(
  version: ServedModel<Contract>,
  serving: ServedModel<Contract> | undefined,
  loaded: Omit<Candidate<Contract>, 'registered'>,
  parts: Pick<BringUpParts<Contract>, 'gates'>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = { ...loaded, registered: version.registered }
  for (const gate of parts.gates) {
    version.learn(await gate(candidate, serving, signal))
    signal.throwIfAborted()
  }
}

/** Names the backend where there are several, and why it is not the first choice. */
function howLoaded({ backend, missingKernel }: LoadedModelInfo): string {
  if (backend === undefined) return 'loaded'
  if (missingKernel === undefined) return `loaded on ${backend}`
  return `loaded on ${backend}, since the kernel ${missingKernel} is missing elsewhere`
}

function enterWarming<Contract>(version: ServedModel<Contract>, reason: string): void {
  if (version.state === 'loading') version.move('warming', reason)
}

async function load<Contract, Loaded extends LoadedModel>(
  version: ServedModel<Contract>,
  loader: { load(...how: Parameters<ModelLoader['load']>): Promise<Loaded> },
  { folder, manifest }: ModelFiles,
  signal: AbortSignal,
): Promise<Loaded> {
  try {
    return await loader.load(folder, manifest, signal, version.findings.trial)
  } catch (error) {
    // The loader warms up itself, and only that runs the model.
    if (error instanceof ServingError && error.code === 'MODEL_FAILED' && !signal.aborted) {
      enterWarming(version, 'loaded')
    }
    throw error
  }
}

function equip<Contract>(
  served: ServedModel<Contract>,
  manifest: ModelManifest,
  contract: Contract,
  loaded: LoadedModel,
  parts: BringUpParts<Contract>,
): void {
  const { name: model, version } = served
  const batcher = new Batcher({
    model: loaded,
    settings: parts.batchSettingsFor(model),
    clock: parts.clock,
    observer: (report) => {
      if (!report.failed) served.traffic.ran(report.requests, report.bytes, report.runMs)
      parts.events.emit('batch', { model, version, ...report })
    },
  })
  const { batchingObstacle } = served.findings
  if (batchingObstacle !== undefined) batcher.disableBatching(batchingObstacle)
  served.equip({ batcher, contract, manifest })
}
