/**
 * What a newcomer can implement: a {@link Registry} says which version a name means now, an
 * {@link ArtifactStore} turns a location into files, an {@link Engine} turns files into a function.
 */
import type { MediaType } from './codec/mlflow/content-type.ts'
import type { ServingError } from './errors.ts'
import type { TfjsBackend } from './model/flavor.ts'
import type { ModelManifest } from './model/mlmodel.ts'
import type { ModelRef } from './model/model-uri.ts'
import type { NamedTensors, TensorSpec } from './model/tensor.ts'

export type { MediaType }

/** One version of one model, as a registry describes it. */
export interface ModelVersion {
  /** Name the model is served under; the registered model's name where there is one. */
  readonly name: string
  /** Version number as text, or an id that stays the same for the same files. */
  readonly version: string
  /** Where the files are: an artifact URI or folder, never `models:/` or `runs:/` any more. */
  readonly source: string
  /** Differs when the version was deleted and registered again under the same number. */
  readonly identity: string
}

/** A reference resolved: the version it means now, or why it means none. */
export type Resolution = ModelVersion | ServingError

/** Says which version a reference means now. */
export interface Registry {
  /** For people and logs, without credentials: a URL or a folder. */
  readonly location: string
  /**
   * Resolves references of one registered model, in their order, with one registry call for all its aliases.
   * A reference that means nothing (unknown alias, deleted or unready version) is an error in its place.
   * @throws ServingError REGISTRY_UNAVAILABLE, REGISTRY_DENIED, MODEL_NOT_FOUND when none could be resolved.
   */
  resolve(refs: readonly ModelRef[], signal: AbortSignal): Promise<readonly Resolution[]>
  /** Every model the registry would serve when none is named; only a folder registry offers this. */
  listModels?(signal: AbortSignal): Promise<readonly ModelRef[]>
  /**
   * Writes tags to a registered version, in their order; what is no registered version is left alone. Only MLflow
   * offers this.
   * @throws ServingError REGISTRY_UNAVAILABLE, REGISTRY_DENIED, VERSION_NOT_FOUND.
   */
  tagVersion?(
    name: string,
    version: string,
    tags: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>
  /** Calls back when a model may have changed, which is a hint to resolve again. Returns the way to stop. */
  watch?(onHint: (modelName: string) => void): () => void
}

/** A file of an artifact: path relative to its root with `/` between names. */
export interface ArtifactFile {
  readonly path: string
  /** Bytes, where the store says so. */
  readonly size: number | undefined
  /** Entity tag or checksum of the store, where it has one. */
  readonly etag: string | undefined
}

/** Takes the bytes of one downloaded file: in any order, each at its place, each once. */
export interface ArtifactSink {
  /** @throws ServingError when the file outgrows what was announced or allowed, or the disk refuses. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Forgets what was written, for a store that can only begin again. */
  restart(): Promise<void>
  /** MD5 of the file as written, in hex, for a store that names one. */
  md5(): Promise<string>
}

/** Lists and reads the files below an artifact URI of its schemes. */
export interface ArtifactStore {
  /** URI schemes without the colon; the empty string is a plain path. */
  readonly schemes: readonly string[]
  /**
   * Files below `uri`, in any order, named as the store names them: whoever writes them to disk checks the
   * names. An empty listing is not an error here.
   * @throws ServingError ARTIFACT_* naming what to check.
   */
  list(uri: string, signal: AbortSignal): AsyncIterable<ArtifactFile>
  /**
   * Writes one listed file to `sink`. The store retries what may pass, and checks what it knows of the content;
   * the sink counts, hashes and checks the length.
   * @throws ServingError ARTIFACT_* naming what to check.
   */
  download(uri: string, file: ArtifactFile, sink: ArtifactSink, signal: AbortSignal): Promise<void>
  /**
   * Folder to read in place, for a store whose files are local already.
   * @throws ServingError ARTIFACT_NOT_FOUND, ARTIFACT_UNSAFE for a link that leaves the folder.
   */
  localFolder?(uri: string, signal: AbortSignal): Promise<string>
  /** Closes kept connections; nothing may be in flight. */
  close?(): Promise<void>
}

/** Files of a version on local disk, held against eviction until released. */
export interface LocalArtifact {
  readonly folder: string
  readonly bytes: number
  release(): void
}

export interface DownloadProgress {
  readonly files: number
  readonly filesDone: number
  readonly bytes: number | undefined
  readonly bytesDone: number
}

/** Turns a version into files; one download however many ask. */
export interface ArtifactSource {
  acquire(
    version: ModelVersion,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<LocalArtifact>
}

/** Engine settings that flags give and the flavor may narrow. */
export interface EngineOptions {
  /** Threads inside one operator, where a person says. */
  readonly intraOpThreads: number | undefined
  /** Threads inside one operator where nobody says, the model's own options included; 1 where undefined. */
  readonly chosenIntraOpThreads?: number | undefined
  readonly interOpThreads: number | undefined
  readonly device: 'cpu' | 'cuda'
  /** What computes TensorFlow.js models; undefined leaves it to the flavor, which leaves it to `auto`. */
  readonly tfjsBackend?: TfjsBackend | undefined
}

/** Loads files in the thread it is called in. Implementations live in `engines/`, one file each. */
export interface Engine {
  readonly name: string
  /**
   * Opens the model of `folder`. Blocks the thread while it works.
   * @throws ServingError MODEL_UNSUPPORTED, MODEL_INVALID, LOAD_FAILED.
   */
  load(folder: string, manifest: ModelManifest, options: EngineOptions): Promise<EngineModel>
}

/** A model in memory. Calls never overlap. */
export interface EngineModel {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** What computes, where the engine has several. */
  readonly backend?: TfjsBackend
  /** @throws ServingError MODEL_FAILED with the engine's own words. */
  run(feeds: NamedTensors): Promise<NamedTensors>
  /** Gives native memory back; nothing may be called afterwards. */
  release(): Promise<void>
}

/** What loading told about a model. */
export interface LoadedModelInfo {
  readonly engine: string
  /** What computes, where the engine has several. */
  readonly backend?: string | undefined
  /** Kernel for want of which the model was moved to another backend than the first choice. */
  readonly missingKernel?: string | undefined
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** Milliseconds the engine took to open the files, on the slowest worker. */
  readonly loadMs: number
  /** Milliseconds of the fastest warm-up run; undefined where there was nothing to warm up with. */
  readonly warmupMs: number | undefined
}

/** Answer to a request that a worker read, ran and wrote. */
export interface InvocationAnswer {
  readonly body: Uint8Array
  /** Milliseconds of each phase in the worker. */
  readonly parseMs: number
  readonly runMs: number
  readonly encodeMs: number
}

/** A model loaded on its workers, seen from the main thread. */
export interface LoadedModel {
  readonly info: LoadedModelInfo
  /** Runs that may be in flight at once: the number of its workers. */
  readonly parallelism: number
  /**
   * Runs one batch on a free worker. Buffers of `feeds` are transferred: the caller must not touch them again.
   * @throws ServingError MODEL_FAILED, WORKER_LOST.
   */
  run(feeds: NamedTensors): Promise<NamedTensors>
  /**
   * Hands a whole request of MLflow's scoring protocol to a free worker, which reads it, runs it alone and writes
   * the answer: for bodies so large that reading them would stop the event loop. `body` is transferred where it is all
   * of its buffer, and copied otherwise.
   * @throws ServingError as the codec does, MODEL_FAILED, WORKER_LOST.
   */
  invoke?(media: MediaType, body: Uint8Array): Promise<InvocationAnswer>
  /**
   * CPU milliseconds of all runs so far, where they are measured: a process of low priority waits for longer than it
   * works.
   */
  readonly cpuMs?: number | undefined
  /** Releases the sessions and any worker of its own. Call once, when nothing is in flight. */
  unload(): Promise<void>
}

/** What trying a version out in a process of its own has measured so far. */
export interface TrialFigures {
  /** Milliseconds the engine took to open the files. */
  readonly loadMs: number
  /** Milliseconds of the fastest run; undefined where nothing was run. */
  readonly runMs: number | undefined
  /** Bytes by which the process has grown since before it opened the files; undefined where that cannot be read. */
  readonly memoryBytes: number | undefined
  /** The same at its largest: opening files takes more memory than having them open. */
  readonly peakMemoryBytes: number | undefined
  /** Milliseconds since the process was started. */
  readonly totalMs: number
}

/** A model loaded where it can do no harm. `unload` may be called while runs are in flight. */
export interface TrialModel extends LoadedModel {
  figures(): TrialFigures
}

/** Tries models out. */
export interface TrialLoader {
  /**
   * Loads and warms up. The signal ends the trial at any time until it is unloaded.
   * @throws ServingError as {@link ModelLoader.load}; TRIAL_FAILED, or INSUFFICIENT_MEMORY, when its process ended.
   */
  load(folder: string, manifest: ModelManifest, signal: AbortSignal): Promise<TrialModel>
}

/** What the memory limit of the container leaves. Bytes. */
export interface MemoryRoom {
  readonly limitBytes: number
  /** Not in use: what the kernel can take back from files counts as free. */
  readonly leftBytes: number
}

/** Puts models on workers: placement is its own business. */
export interface ModelLoader {
  /**
   * @param measured what a trial of the same files has measured.
   * @throws ServingError as {@link Engine.load}, or MODEL_FAILED when the warm-up request fails.
   */
  load(
    folder: string,
    manifest: ModelManifest,
    signal: AbortSignal,
    measured?: Pick<TrialFigures, 'memoryBytes'>,
  ): Promise<LoadedModel>
}
