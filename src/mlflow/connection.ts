import { ServingError } from '../errors.ts'

/** How to reach an MLflow server and who we are to it. Filled from the environment by `config.ts`. */
export interface MlflowConnection {
  /** `http(s)://[user:password@]host[:port][/prefix]`: MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI. */
  readonly uri: string
  /** Basic authentication when both are set; wins over the token. See {@link file://./credentials-file.ts}. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Bearer token: MLFLOW_TRACKING_TOKEN. */
  readonly token?: string | undefined
  /** Sent as `X-MLFLOW-WORKSPACE`: MLFLOW_WORKSPACE. */
  readonly workspace?: string | undefined
  /** No check of the server's certificate: MLFLOW_TRACKING_INSECURE_TLS. */
  readonly insecureTls?: boolean | undefined
  /** File of CA certificates in PEM: MLFLOW_TRACKING_SERVER_CERT_PATH. */
  readonly caBundle?: string | undefined
  /** File with client certificate and key in PEM: MLFLOW_TRACKING_CLIENT_CERT_PATH. */
  readonly clientCertificate?: string | undefined
  /** Milliseconds one call may take, the answer's body included; 5000. */
  readonly timeoutMs?: number | undefined
  /** `User-Agent` header; `baton` unless given. */
  readonly userAgent?: string | undefined
}

/**
 * The server's address without user, password, query and trailing slash; a path prefix stays.
 * @throws ServingError CONFIG_INVALID for what is not an http(s) URL.
 */
export function mlflowBaseUrl(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new ServingError(
      'CONFIG_INVALID',
      `Expected the URL of an MLflow server such as http://mlflow:5000, got "${uri.replace(/\/\/[^/@]*@/, '//')}"; check MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI`,
    )
  }
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

/** `Authorization` as MLflow's own client chooses it: basic, then bearer (mlflow/utils/rest_utils.py). */
export function authorization(connection: MlflowConnection): string | undefined {
  const { username, password, token, uri } = connection
  if (username && password) return basic(username, password)
  if (token) return `Bearer ${token}`
  const url = new URL(uri)
  if (url.username === '') return undefined
  return basic(decodeURIComponent(url.username), decodeURIComponent(url.password))
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** The same trust and time limits for another server, with nothing that proves who we are. */
export function withoutCredentials(connection: MlflowConnection, uri: string): MlflowConnection {
  const { insecureTls, caBundle, timeoutMs, userAgent } = connection
  const other = new URL(uri)
  other.username = ''
  other.password = ''
  return { uri: other.href, insecureTls, caBundle, timeoutMs, userAgent }
}
