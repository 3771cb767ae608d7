import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type {
  DownloadProgress,
  InvocationAnswer,
  LoadedModel,
  LoadedModelInfo,
  LocalArtifact,
  ModelVersion,
} from '../interfaces.ts'
import type { ModelManifest } from '../model/mlmodel.ts'
import type { NamedTensors } from '../model/tensor.ts'
import type { Batcher } from './batching/batcher.ts'
import type { SubmitOptions } from './batching/pending-request.ts'
import type { Candidate, Findings } from './candidate.ts'
import type { VersionEvent } from './events.ts'
import { type Lease, VersionLease, withdrawn } from './lease.ts'
import { TrafficRecord } from './probation/traffic-record.ts'
import { checkMove, isLoaded, isStarting, type VersionState } from './version-state.ts'

/** What a loaded version needs in order to answer. */
export interface Equipment<Contract> {
  readonly batcher: Batcher
  readonly contract: Contract
  readonly manifest: ModelManifest
}

type Invoke = NonNullable<LoadedModel['invoke']>

/** Version and identity: what stays the same as long as the files do. */
export function versionId(version: ModelVersion): string {
  return `${version.version} ${version.identity}`
}

/**
 * One life of one version, from being wanted to being closed: its state, the requests inside it, and all that it
 * holds (files, workers, batcher). It decides nothing; the manager moves it.
 *
 * `Contract` is whatever decides how a request's bytes are read, made once when the version is loaded.
 */
export class ServedModel<Contract> {
  readonly id: string
  readonly registered: ModelVersion
  readonly #clock: Clock
  readonly #onMove: (event: VersionEvent) => void
  #state: VersionState = 'resolving'
  #reason: string
  #since: number
  #enteredAt: number
  #artifact: LocalArtifact | undefined
  #loaded: LoadedModel | undefined
  #equipment: Equipment<Contract> | undefined
  #progress: DownloadProgress | undefined
  #findings: Findings = {}
  #leases = 0
  #cutRequests = 0
  #retirement: Promise<void> | undefined
  readonly #drained: (() => void)[] = []

  /** Its loading was cancelled; it closes as soon as the step under way has ended. */
  cancelled = false
  /** Versions, by id, that it was compared with by every gate. */
  readonly checkedAgainst = new Set<string>()
  /** What it has done so far. */
  readonly traffic: TrafficRecord

  constructor(
    registered: ModelVersion,
    reason: string,
    clock: Clock,
    onMove: (event: VersionEvent) => void,
  ) {
    this.id = versionId(registered)
    this.registered = registered
    this.traffic = new TrafficRecord(clock)
    this.#clock = clock
    this.#onMove = onMove
    this.#reason = reason
    this.#since = clock.now()
    this.#enteredAt = clock.monotonic()
    this.#announce(undefined, 0)
  }

  get name(): string {
    return this.registered.name
  }

  get version(): string {
    return this.registered.version
  }

  get state(): VersionState {
    return this.#state
  }

  /** Whether it is loaded or on its way. */
  get isLive(): boolean {
    return !this.cancelled && (isLoaded(this.#state) || isStarting(this.#state))
  }

  /** Milliseconds since the epoch at which it entered its state. */
  get since(): number {
    return this.#since
  }

  /** Why it is in its state, for people. */
  get reason(): string {
    return this.#reason
  }

  /** Requests that hold it now. */
  get leases(): number {
    return this.#leases
  }

  /** Requests that were cut because they outlasted the drain timeout. */
  get cutRequests(): number {
    return this.#cutRequests
  }

  get progress(): DownloadProgress | undefined {
    return this.#progress
  }

  /** What loading told; undefined before. */
  get info(): LoadedModelInfo | undefined {
    return this.#loaded?.info
  }

  /** Bytes of its files; undefined before they are there. */
  get artifactBytes(): number | undefined {
    return this.#artifact?.bytes
  }

  get batcher(): Batcher | undefined {
    return this.#equipment?.batcher
  }

  /** @throws ServingError INTERNAL before it is loaded and after it has closed. */
  get contract(): Contract {
    if (this.#equipment !== undefined) return this.#equipment.contract
    throw new ServingError('INTERNAL', `A version has no contract while ${this.#state}`)
  }

  /**
   * Runs a request through the batcher (see `Batcher.submit`); whoever calls it holds a lease.
   * @throws ServingError MODEL_NOT_READY when the lease outlasted the drain timeout.
   */
  predict(feeds: NamedTensors, options?: SubmitOptions): Promise<NamedTensors> {
    if (this.#equipment !== undefined) return this.#equipment.batcher.submit(feeds, options)
    return Promise.reject(withdrawn(this.registered))
  }

  /** Whether {@link invoke} may be called. */
  get canInvoke(): boolean {
    return this.#loaded?.invoke !== undefined
  }

  /**
   * Hands a whole request to a worker when its turn has come (see `LoadedModel.invoke`); whoever calls it holds a
   * lease. `timings.runMs` is all the time in the worker.
   * @throws ServingError as {@link predict}; INTERNAL where the engine has no such call.
   */
  invoke(
    media: Parameters<Invoke>[0],
    body: Parameters<Invoke>[1],
    options?: SubmitOptions,
  ): Promise<InvocationAnswer> {
    const loaded = this.#loaded
    if (this.#equipment === undefined || loaded === undefined) {
      return Promise.reject(withdrawn(this.registered))
    }
    const run = async (): Promise<InvocationAnswer> => {
      if (loaded.invoke !== undefined) return loaded.invoke(media, body)
      throw new ServingError('INTERNAL', `Engine ${loaded.info.engine} reads no requests`)
    }
    return this.#equipment.batcher.submitAlone(run, body.byteLength, options)
  }

  /** @throws ServingError INTERNAL for a move that the table of states does not have. */
  move(to: VersionState, reason: string, error?: ServingError): void {
    checkMove(this.#state, to)
    const from = this.#state
    const now = this.#clock.monotonic()
    const durationMs = now - this.#enteredAt
    this.#state = to
    this.#reason = reason
    this.#since = this.#clock.now()
    this.#enteredAt = now
    this.#announce(from, durationMs, error)
  }

  /** Its files arrive. */
  noteProgress(progress: DownloadProgress): void {
    this.#progress = progress
  }

  /** What the gates found out about it. */
  get findings(): Findings {
    return this.#findings
  }

  /** Adds what a gate found out. */
  learn(findings: Findings): void {
    this.#findings = { ...this.#findings, ...findings }
  }

  /** Itself as gates see it. @throws ServingError INTERNAL before it is loaded and after it has closed. */
  candidate(): Candidate<Contract> {
    const { registered } = this
    if (
      this.#equipment === undefined ||
      this.#loaded === undefined ||
      this.#artifact === undefined
    ) {
      throw new ServingError('INTERNAL', `A version cannot be checked while ${this.#state}`)
    }
    const { manifest, contract } = this.#equipment
    return { registered, folder: this.#artifact.folder, manifest, model: this.#loaded, contract }
  }

  /** Takes over the files, to be released when it closes. */
  hold(artifact: LocalArtifact): void {
    this.#artifact = artifact
    this.#progress = undefined
  }

  /** Takes over the loaded model, to be unloaded when it closes. */
  own(loaded: LoadedModel): void {
    this.#loaded = loaded
  }

  /** Makes it able to answer. */
  equip(equipment: Equipment<Contract>): void {
    this.#equipment = equipment
  }

  /** Borrows it. @throws ServingError INTERNAL when it is not loaded: the caller has looked before. */
  lease(): Lease<Contract> {
    if (!isLoaded(this.#state)) {
      throw new ServingError('INTERNAL', `A version cannot be acquired while ${this.#state}`)
    }
    this.#leases += 1
    return new VersionLease(this, this.#released)
  }

  /**
   * Waits for its leases, then gives back all it holds; what is still inside after `timeoutMs` is cut and counted.
   * Called again, it only shortens the wait. The state must not be one that can be acquired.
   */
  async retire(timeoutMs: number): Promise<void> {
    const cancel = this.#leases > 0 ? this.#clock.after(timeoutMs, () => this.#cut()) : undefined
    this.#retirement ??= this.#giveBack()
    try {
      await this.#retirement
    } finally {
      cancel?.()
    }
  }

  async #giveBack(): Promise<void> {
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#drained.push(resolve))
    // A request that met its deadline has gone while its run goes on: the workers are not free before that.
    await this.#equipment?.batcher.idle()
    this.#equipment?.batcher.close(withdrawn(this.registered))
    const loaded = this.#loaded
    this.#equipment = undefined
    this.#loaded = undefined
    try {
      await loaded?.unload()
    } finally {
      this.#artifact?.release()
      this.#artifact = undefined
    }
  }

  #cut(): void {
    this.#cutRequests = this.#leases
    this.#equipment?.batcher.close(withdrawn(this.registered))
    this.#announceDrained()
  }

  readonly #released = (): void => {
    this.#leases -= 1
    if (this.#leases === 0) this.#announceDrained()
  }

  #announceDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #announce(from: VersionState | undefined, durationMs: number, error?: ServingError): void {
    this.#onMove({
      model: this.name,
      version: this.version,
      state: this.#state,
      from,
      durationMs,
      reason: this.#reason,
      code: error?.code,
    })
  }
}
