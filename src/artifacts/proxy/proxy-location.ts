import { ServingError } from '../../errors.ts'
import {
  type MlflowConnection,
  mlflowBaseUrl,
  withoutCredentials,
} from '../../mlflow/connection.ts'

/** Where an artifact URI points to behind the artifact proxy of an MLflow server. */
export interface ProxyLocation {
  /** The server, with our login only where it is the tracking server itself. */
  readonly connection: MlflowConnection
  readonly isTrackingServer: boolean
  /** Path of the proxy's artifact routes below the server's address. */
  readonly route: string
  /** Folder below it; may be empty. */
  readonly folder: string
}

const ROUTE = '/api/2.0/mlflow-artifacts/artifacts'

/**
 * Reads `mlflow-artifacts:/path` (the tracking server), `mlflow-artifacts://host[:port]/path` (another one, with
 * the tracking server's scheme and path prefix) and `http(s)://host/.../mlflow-artifacts/artifacts/path`, as
 * mlflow/store/artifact/mlflow_artifacts_repo.py and http_artifact_repo.py do. Unlike there, the login never
 * goes to another origin than the tracking server's.
 * @throws ServingError CONFIG_INVALID without a tracking server to ask, MODEL_URI_INVALID.
 */
export function parseProxyUri(uri: string, tracking: MlflowConnection | undefined): ProxyLocation {
  return uri.startsWith('mlflow-artifacts:')
    ? behindTrackingServer(uri, tracking)
    : behindApiRoot(uri, tracking)
}

function behindTrackingServer(uri: string, tracking: MlflowConnection | undefined): ProxyLocation {
  if (tracking === undefined) {
    throw new ServingError(
      'CONFIG_INVALID',
      'Files at mlflow-artifacts: come through the tracking server, and none is known; set MLFLOW_TRACKING_URI to its http(s) address',
    )
  }
  const [, host, path = ''] = /^mlflow-artifacts:(?:\/\/([^/]*))?\/*(.*)$/.exec(uri) ?? []
  const folder = path.replace(/^api\/2\.0\/mlflow-artifacts\/artifacts(\/|$)/, '')
  if (!host) {
    return {
      connection: tracking,
      isTrackingServer: true,
      route: ROUTE,
      folder: trimSlashes(folder),
    }
  }
  const base = mlflowBaseUrl(tracking.uri)
  const other = `${base.protocol}//${host}${base.pathname}`
  return {
    ...forOrigin(other, tracking),
    route: ROUTE,
    folder: trimSlashes(folder),
  }
}

function behindApiRoot(uri: string, tracking: MlflowConnection | undefined): ProxyLocation {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const [, route, folder] =
    /^(.*?\/mlflow-artifacts\/artifacts)(?:\/(.*))?$/.exec(url?.pathname ?? '') ?? []
  if (url === undefined || route === undefined) {
    throw new ServingError(
      'MODEL_URI_INVALID',
      `Expected the artifact API of an MLflow server (http://host/api/2.0/mlflow-artifacts/artifacts/path), got another http address: a plain file server cannot be listed`,
    )
  }
  return {
    ...forOrigin(url.origin, tracking),
    route,
    folder: trimSlashes(decode(folder ?? '')),
  }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function forOrigin(
  uri: string,
  tracking: MlflowConnection | undefined,
): Pick<ProxyLocation, 'connection' | 'isTrackingServer'> {
  const { origin } = mlflowBaseUrl(uri)
  if (tracking !== undefined && mlflowBaseUrl(tracking.uri).origin === origin) {
    return { connection: { ...tracking, uri }, isTrackingServer: true }
  }
  return { connection: withoutCredentials(tracking ?? { uri }, uri), isTrackingServer: false }
}

function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '')
}
