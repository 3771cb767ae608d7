import { fileURLToPath } from 'node:url'
import { ServingError } from '../errors.ts'
import type { Registry } from '../interfaces.ts'
import type { MlflowConnection } from '../mlflow/connection.ts'
import { REGISTRY_FAILURES } from '../mlflow/failures.ts'
import { MlflowHttp } from '../mlflow/http.ts'
import type { AliasAdmin } from './alias-admin.ts'
import { FolderAliases } from './folder-aliases.ts'
import { FolderRegistry } from './folder-registry.ts'
import { MlflowAliases } from './mlflow-aliases.ts'
import { MlflowClient } from './mlflow-client.ts'
import { MlflowRegistry } from './mlflow-registry.ts'

/**
 * A look at every file of a small version took 1 ms of CPU, a glance 0.1 ms: with a look a minute and a glance every 5 s,
 * 100 idle models take 0.4 % of a core.
 */
const GLANCE_MS = 60_000

/** A registry and the aliases in it. */
export interface OpenRegistry {
  readonly kind: 'mlflow' | 'folder'
  readonly registry: Registry
  readonly aliases: AliasAdmin
  /** Closes kept connections; call when nothing is under way. */
  close(): Promise<void>
}

export interface OpenRegistryOptions {
  /** `http(s):` is an MLflow server, a path or `file:` URI the embedded registry. */
  readonly uri: string
  /** MLflow server of runs and logged models where it is another one. */
  readonly trackingUri?: string | undefined
  /** Credentials, TLS and limits for a server's URI. */
  readonly connection: (uri: string) => MlflowConnection
  /** See {@link FolderRegistry}. */
  readonly onProblem?: (model: string, problem: ServingError) => void
}

/**
 * Opens the registry that a URI names; no call is made yet.
 * @throws ServingError CONFIG_INVALID for databases, Databricks and other kinds of MLflow stores
 */
export function openRegistry(options: OpenRegistryOptions): OpenRegistry {
  const folder = registryFolder(options.uri)
  if (folder !== undefined) {
    const { onProblem } = options
    return {
      kind: 'folder',
      registry: new FolderRegistry({
        root: folder,
        glanceMs: GLANCE_MS,
        ...(onProblem && { onProblem }),
      }),
      aliases: new FolderAliases(folder),
      close: async () => undefined,
    }
  }
  const http = new MlflowHttp(options.connection(options.uri), REGISTRY_FAILURES)
  const client = new MlflowClient(http)
  const { trackingUri = options.uri } = options
  const isOther = trackingUri !== options.uri && /^https?:/i.test(trackingUri)
  const trackingHttp = isOther
    ? new MlflowHttp(options.connection(trackingUri), REGISTRY_FAILURES)
    : undefined
  const tracking = trackingHttp === undefined ? client : new MlflowClient(trackingHttp)
  return {
    kind: 'mlflow',
    registry: new MlflowRegistry(client, tracking),
    aliases: new MlflowAliases(client),
    close: async () => {
      await Promise.all([http.close(), trackingHttp?.close()])
    },
  }
}

/** The folder that a registry URI names; undefined for an MLflow server. */
function registryFolder(uri: string): string | undefined {
  const [, scheme] = /^([a-z][a-z0-9+.-]+):/i.exec(uri) ?? []
  switch (scheme?.toLowerCase()) {
    case undefined:
      if (uri === 'databricks' || uri === 'databricks-uc') throw unsupported(uri)
      return uri
    case 'http':
    case 'https':
      return undefined
    case 'file':
      return /^file:\/\//i.test(uri) ? fileUrlPath(uri) : uri.slice('file:'.length)
    default:
      throw unsupported(`${scheme}:`)
  }
}

function fileUrlPath(uri: string): string {
  try {
    return fileURLToPath(uri)
  } catch (cause) {
    throw new ServingError('CONFIG_INVALID', `Expected file:///<folder>, got "${uri}"`, { cause })
  }
}

function unsupported(received: string): ServingError {
  return new ServingError(
    'CONFIG_INVALID',
    `Expected the http(s) URL of an MLflow server or a folder as registry, got ${received}; start \`mlflow server\` on that store and give its URL in MLFLOW_TRACKING_URI`,
  )
}
