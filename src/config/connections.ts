import type { S3Settings } from '../artifacts/s3/s3-client.ts'
import type { MlflowConnection } from '../mlflow/connection.ts'
import type { Settings } from './settings.ts'

/** How to reach the MLflow server at `uri`, and who we are to it. */
export function mlflowConnection(settings: Settings, uri: string): MlflowConnection {
  return {
    uri,
    username: settings.trackingUsername,
    password: settings.trackingPassword,
    token: settings.trackingToken,
    workspace: settings.workspace,
    insecureTls: settings.trackingInsecureTls,
    caBundle: settings.trackingServerCert,
    clientCertificate: settings.trackingClientCert,
    timeoutMs: settings.registryTimeoutMs,
  }
}

/** How to reach S3. */
export function s3Settings(settings: Settings): S3Settings {
  return {
    endpointUrl: settings.s3Endpoint,
    region: settings.s3Region,
    addressingStyle: settings.s3AddressingStyle,
    ignoreTls: settings.s3IgnoreTls,
    caBundle: settings.s3CaBundle,
    unsigned: settings.s3SignatureVersion === 'unsigned',
    expectedBucketOwner: settings.s3BucketOwner,
    downloadTimeoutMs: settings.artifactTimeoutMs,
  }
}
