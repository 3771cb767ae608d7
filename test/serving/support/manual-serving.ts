import { ServingError } from '../../../src/errors.ts'
import type {
  ArtifactSource,
  LoadedModel,
  LoadedModelInfo,
  LocalArtifact,
  MemoryRoom,
  ModelLoader,
  ModelVersion,
  TrialLoader,
} from '../../../src/interfaces.ts'
import type { ModelManifest } from '../../../src/model/mlmodel.ts'
import type { NamedTensors } from '../../../src/model/tensor.ts'
import { type ServingEventMap, ServingEvents } from '../../../src/serving/events.ts'
import type { Gate } from '../../../src/serving/handover/bring-up.ts'
import { ModelManager } from '../../../src/serving/model-manager.ts'
import { NO_PROBATION, type ProbationSettings } from '../../../src/serving/probation/probation.ts'
import {
  DEFAULT_BATCH_SETTINGS,
  DEFAULT_MANAGER_SETTINGS,
  type ManagerSettings,
} from '../../../src/serving/settings.ts'
import { ManualClock } from '../../manual-clock.ts'

/** A version of a model as a registry would name it. Its folder is its source. */
export function version(
  name: string,
  number: number | string,
  identity = `registered-${number}`,
): ModelVersion {
  return { name, version: String(number), source: `${name}/${number}/${identity}`, identity }
}

/** One row in, one row out: the sum of the row's elements and the version's number. */
export class RowSum implements LoadedModel {
  readonly parallelism = 1
  readonly info: LoadedModelInfo = {
    engine: 'row-sum',
    inputs: [{ name: 'x', dtype: 'float32', shape: [-1, -1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [-1] }],
    loadMs: 1,
    warmupMs: undefined,
  }
  readonly #offset: number
  unloaded = false
  /** Set by a test to hold runs until it is resolved. */
  gate: Promise<void> = Promise.resolve()

  constructor(offset: number) {
    this.#offset = offset
  }

  async run(feeds: NamedTensors): Promise<NamedTensors> {
    await this.gate
    if (this.unloaded) throw new ServingError('INTERNAL', 'a run after unload')
    const x = feeds.x
    if (x === undefined) throw new ServingError('MODEL_FAILED', 'no input x')
    const [rows = 0, columns = 0] = x.shape
    const y = new Float32Array(rows)
    for (let i = 0; i < rows * columns; i += 1) {
      const row = Math.floor(i / columns)
      y[row] = (y[row] ?? 0) + Number(x.data[i])
    }
    return { y: { dtype: 'float32', shape: [rows], data: y.map((sum) => sum + this.#offset) } }
  }

  async unload(): Promise<void> {
    this.unloaded = true
  }
}

/** A step of loading that a test ends by hand. */
export interface HeldStep {
  /** Resolves when the step was begun. */
  readonly begun: Promise<void>
  readonly aborted: () => boolean
  readonly finish: () => void
  readonly fail: (error: ServingError) => void
}

/** Steps named by the source of a version: they pass at once unless a test holds or breaks them. */
class Steps {
  readonly #held = new Map<string, (signal: AbortSignal) => Promise<void>>()
  readonly begun: string[] = []

  async pass(source: string, signal: AbortSignal): Promise<void> {
    this.begun.push(source)
    signal.throwIfAborted()
    await this.#held.get(source)?.(signal)
  }

  /** The step fails each time, until it is mended. */
  break(source: string, error: ServingError): void {
    this.#held.set(source, () => Promise.reject(error))
  }

  mend(source: string): void {
    this.#held.delete(source)
  }

  /** The next time the step begins, it waits for the test; aborting ends it as well, unless it is deaf. */
  hold(source: string, deaf = false): HeldStep {
    let finish = (): void => {}
    let fail = (_: ServingError): void => {}
    let begin = (): void => {}
    let aborted = false
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const end = new Promise<void>((resolve, reject) => {
      finish = resolve
      fail = reject
    })
    end.catch(() => {})
    this.#held.set(source, (signal) => {
      this.#held.delete(source)
      signal.addEventListener('abort', () => {
        aborted = true
        if (!deaf) fail(signal.reason as ServingError)
      })
      begin()
      return end
    })
    return { begun, aborted: () => aborted, finish, fail }
  }
}

const MANIFEST: ModelManifest = {
  flavor: {
    engine: 'onnx',
    data: 'model.onnx',
    sessionOptions: {
      interOpThreads: undefined,
      intraOpThreads: undefined,
      executionMode: undefined,
      graphOptimizationLevel: undefined,
      extraSessionConfig: {},
    },
  },
  signature: undefined,
  modelId: undefined,
  runId: undefined,
  mlflowVersion: undefined,
  createdAt: undefined,
  servingInputPath: undefined,
}

/** What a test's versions keep with them. */
export interface TestContract {
  readonly madeFor: string
}

const KINDS = [
  'version',
  'swap',
  'drain',
  'trial',
  'probation',
  'pin',
  'batch',
  'download',
] as const

/** What a test has of its own; without it, versions are not on probation. */
export interface ManualSettings extends Partial<ManagerSettings> {
  readonly probation?: Partial<ProbationSettings>
  readonly standbyFits?: (bytes: number | undefined) => boolean
  /** Memory that is left while so many versions are loaded. */
  readonly memoryRoom?: (loaded: number) => MemoryRoom
  readonly trialFor?: (model: string, replaces: boolean) => TrialLoader | undefined
}

/** A manager whose clock, downloads and loads a test turns by hand. */
export class ManualServing {
  readonly clock = new ManualClock()
  readonly events: ServingEvents
  readonly downloads = new Steps()
  readonly loads = new Steps()
  readonly manager: ModelManager<TestContract>
  /** Loaded models by source, the latest of each. */
  readonly models = new Map<string, RowSum>()
  readonly released: string[] = []
  readonly listenerErrors: unknown[] = []
  readonly #seen: { [K in keyof ServingEventMap]: ServingEventMap[K][] } = {
    version: [],
    swap: [],
    drain: [],
    trial: [],
    probation: [],
    pin: [],
    batch: [],
    download: [],
  }

  constructor(
    { probation, standbyFits, memoryRoom, trialFor, ...settings }: ManualSettings = {},
    gates: readonly Gate<TestContract>[] = [],
    makeContract = (_: ModelManifest, __: LoadedModelInfo, made: ModelVersion): TestContract => ({
      madeFor: made.version,
    }),
  ) {
    this.events = new ServingEvents((error) => this.listenerErrors.push(error))
    for (const kind of KINDS) {
      this.events.on(kind, (event) => (this.#seen[kind] as unknown[]).push(event))
    }
    this.manager = new ModelManager({
      clock: this.clock,
      events: this.events,
      artifacts: this.#artifacts(),
      loaderFor: () => this.#loader(),
      readManifest: async () => MANIFEST,
      makeContract,
      batchSettingsFor: () => DEFAULT_BATCH_SETTINGS,
      gates,
      settings: { ...DEFAULT_MANAGER_SETTINGS, ...settings },
      probationFor: () => ({ ...NO_PROBATION, ...probation }),
      ...(standbyFits && { standbyFits }),
      ...(memoryRoom && { memoryRoom: () => memoryRoom(this.#loaded) }),
      ...(trialFor && { trialFor }),
    })
  }

  seen<K extends keyof ServingEventMap>(kind: K): readonly ServingEventMap[K][] {
    return this.#seen[kind]
  }

  /** `version state` of every move, in order. */
  get moves(): string[] {
    return this.#seen.version.map(({ version: number, state }) => `${number} ${state}`)
  }

  /** Sets the aliases of a model and turns the loop. */
  set(name: string, aliases: Readonly<Record<string, ModelVersion | ServingError>>): Promise<void> {
    this.want(name, aliases)
    return this.manager.reconcile()
  }

  want(name: string, aliases: Readonly<Record<string, ModelVersion | ServingError>>): void {
    this.manager.setDesired(
      name,
      Object.entries(aliases).map(([label, resolution]) => ({ label, resolution })),
    )
  }

  /** The version that answers a request now. */
  serving(name: string, ref?: string): string {
    const lease = this.manager.acquire({ name, ref })
    lease.release()
    return lease.model.version
  }

  get #loaded(): number {
    return [...this.models.values()].filter(({ unloaded }) => !unloaded).length
  }

  #artifacts(): ArtifactSource {
    return {
      acquire: async ({ source }, onProgress, signal): Promise<LocalArtifact> => {
        onProgress({ files: 1, filesDone: 0, bytes: 10, bytesDone: 0 })
        await this.downloads.pass(source, signal)
        return { folder: source, bytes: 10, release: () => this.released.push(source) }
      },
    }
  }

  #loader(): ModelLoader {
    return {
      load: async (folder, _manifest, signal) => {
        await this.loads.pass(folder, signal)
        const model = new RowSum(Number(folder.split('/')[1]))
        this.models.set(folder, model)
        return model
      },
    }
  }
}
