import { readFile } from 'node:fs/promises'
import { ServingError } from '../errors.ts'
import type { MlflowConnection } from './connection.ts'

/** `fetch`, and the way to close the connections it keeps. */
export interface Fetcher {
  readonly fetch: typeof globalThis.fetch
  close(): Promise<void>
}

/**
 * The built-in fetch, or undici's where the connection asks for a CA bundle, a client certificate or an
 * unchecked certificate: the built-in one has no option for them.
 * @throws ServingError CONFIG_INVALID when a certificate file cannot be read or used.
 */
export async function createFetcher(connection: MlflowConnection): Promise<Fetcher> {
  const { insecureTls, caBundle, clientCertificate } = connection
  if (!insecureTls && caBundle === undefined && clientCertificate === undefined) {
    return { fetch: globalThis.fetch, close: async () => undefined }
  }
  const ca = await readPem(caBundle, 'MLFLOW_TRACKING_SERVER_CERT_PATH')
  const pem = await readPem(clientCertificate, 'MLFLOW_TRACKING_CLIENT_CERT_PATH')
  const { Agent, fetch } = await import('undici')
  const agent = new Agent({
    connect: {
      rejectUnauthorized: !insecureTls,
      ...(ca === undefined ? {} : { ca }),
      ...(pem === undefined ? {} : { cert: pem, key: pem }),
    },
  })
  // undici's fetch is the built-in one in a newer version, with types of its own.
  const undiciFetch = fetch as unknown as typeof globalThis.fetch
  const dispatcher = agent as unknown as RequestInit['dispatcher']
  return {
    fetch: (input, init) => undiciFetch(input, { ...init, ...(dispatcher && { dispatcher }) }),
    close: () => agent.close(),
  }
}

async function readPem(path: string | undefined, variable: string): Promise<string | undefined> {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ServingError('CONFIG_INVALID', `The file that ${variable} names cannot be read`, {
      cause,
    })
  })
  if (!text.includes('-----BEGIN ')) {
    throw new ServingError(
      'CONFIG_INVALID',
      `Expected PEM text (-----BEGIN ...) in the file that ${variable} names`,
    )
  }
  return text
}
