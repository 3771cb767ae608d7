import { fileURLToPath } from 'node:url'
import type { ModelVersion } from '../interfaces.ts'
import { type ModelRef, servedName } from '../model/model-uri.ts'
import { fingerprint } from './fingerprint.ts'
import { readFolderState } from './version-folder.ts'

/**
 * The version behind the URI or path of a model folder: no registry knows it. A local folder is told from its
 * earlier contents; elsewhere the URI is all there is.
 */
export async function resolveArtifact(
  ref: Extract<ModelRef, { readonly kind: 'artifact' }>,
): Promise<ModelVersion> {
  const folder = localFolder(ref.uri)
  const state =
    folder === undefined ? undefined : await readFolderState(folder).catch(() => undefined)
  return {
    name: servedName(ref),
    version: fingerprint(ref.uri),
    source: ref.uri,
    identity: state?.identity ?? fingerprint(ref.uri),
  }
}

function localFolder(uri: string): string | undefined {
  if (/^file:\/\//i.test(uri)) return URL.canParse(uri) ? pathOf(uri) : undefined
  if (/^file:/i.test(uri)) return uri.slice('file:'.length)
  // One letter and a colon is a drive.
  return /^[a-z][a-z0-9+.-]+:/i.test(uri) ? undefined : uri
}

/** A file URL with a host names no local path. */
function pathOf(url: string): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}
