import type { Clock } from '../clock.ts'
import { ServingError } from '../errors.ts'
import type { ArtifactStore } from '../interfaces.ts'
import type { MlflowConnection } from '../mlflow/connection.ts'
import { describeSource, schemeOf } from './artifact-uri.ts'
import { LocalStore } from './local-store.ts'
import { ProxyStore } from './proxy/proxy-store.ts'
import type { S3Settings } from './s3/s3-client.ts'
import { S3Store } from './s3/s3-store.ts'

export interface StoreSettings {
  readonly s3: S3Settings
  /** The tracking server, whose proxy serves `mlflow-artifacts:`; undefined where there is none. */
  readonly mlflow: MlflowConnection | undefined
  /** MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT in milliseconds. */
  readonly downloadTimeoutMs?: number | undefined
  readonly clock: Clock
}

/** Finds the store for an artifact URI; each is made when it is first needed. */
export class ArtifactStores {
  readonly #settings: StoreSettings
  readonly #open = new Map<string, ArtifactStore>()

  constructor(settings: StoreSettings) {
    this.#settings = settings
  }

  /** @throws ServingError MODEL_UNSUPPORTED for a scheme without a store, naming those there are. */
  storeFor(uri: string): ArtifactStore {
    const scheme = schemeOf(uri)
    const known = this.#open.get(scheme)
    if (known !== undefined) return known
    const store = createStore(scheme, uri, this.#settings)
    for (const served of store.schemes) this.#open.set(served, store)
    return store
  }

  async close(): Promise<void> {
    const stores = new Set(this.#open.values())
    this.#open.clear()
    for (const store of stores) await store.close?.()
  }
}

function createStore(scheme: string, uri: string, settings: StoreSettings): ArtifactStore {
  const { clock, downloadTimeoutMs } = settings
  switch (scheme) {
    case '':
    case 'file':
      return new LocalStore()
    case 's3':
    case 'r2':
    case 'b2':
      return new S3Store({ downloadTimeoutMs, ...settings.s3 }, { clock })
    case 'mlflow-artifacts':
    case 'http':
    case 'https':
      return new ProxyStore(settings.mlflow, { downloadTimeoutMs, clock })
    default:
      throw new ServingError(
        'MODEL_UNSUPPORTED',
        `Expected files at s3:, r2:, b2:, mlflow-artifacts:, http(s): (MLflow's artifact API), file: or a plain path, got ${scheme}: (${describeSource(uri)}); let the tracking server hand them out (--serve-artifacts), or mount them as a folder`,
      )
  }
}
