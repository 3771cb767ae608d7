import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServingError } from '../errors.ts'
import type { ArtifactFile, ArtifactSink, ArtifactStore } from '../interfaces.ts'
import { schemeOf } from './artifact-uri.ts'
import { quotePath, staysInside } from './safe-path.ts'

/** Files of this machine, or of what is mounted on it: plain paths and `file:`. */
export class LocalStore implements ArtifactStore {
  readonly schemes = ['', 'file']

  /** Every file below, those behind links that stay in the folder included. */
  async *list(uri: string, signal: AbortSignal): AsyncIterable<ArtifactFile> {
    const root = await this.localFolder(uri)
    yield* walk(root, '', new Set(), signal)
  }

  async download(
    uri: string,
    file: ArtifactFile,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<void> {
    const root = await this.localFolder(uri)
    const path = join(root, file.path)
    let position = 0
    try {
      // A link may have been changed since the listing.
      if (!(await staysInside(root, path))) throw leaves(file.path)
      for await (const bytes of createReadStream(path, { signal })) {
        await sink.write(bytes, position)
        position += bytes.byteLength
      }
    } catch (error) {
      signal.throwIfAborted()
      throw localFailure(error)
    }
  }

  /** The folder itself, followed through links once, so that a `current` link may move on under a loaded version. */
  async localFolder(uri: string): Promise<string> {
    try {
      const folder = await realpath(localPath(uri))
      if ((await stat(folder)).isDirectory()) return folder
    } catch (error) {
      throw localFailure(error)
    }
    throw new ServingError(
      'ARTIFACT_NOT_FOUND',
      'Expected a folder with an MLmodel file, got a file',
    )
  }
}

function localPath(uri: string): string {
  if (schemeOf(uri) === '') return uri
  try {
    return fileURLToPath(uri)
  } catch (cause) {
    throw new ServingError(
      'MODEL_URI_INVALID',
      'Expected file:///path of this machine, got a file: address with another host or an encoded slash',
      { cause },
    )
  }
}

/** @param above real paths of the folders on the way down, to notice a link that leads back to one. */
async function* walk(
  root: string,
  folder: string,
  above: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<ArtifactFile> {
  signal.throwIfAborted()
  const here = await realpath(join(root, folder)).catch(rethrow)
  if (above.has(here)) throw unsafe(folder, 'is a link to a folder that it lies in')
  for (const entry of await namesOf(here)) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    const absolute = join(here, entry.name)
    if (entry.isSymbolicLink() && !(await staysInside(root, absolute).catch(rethrow))) {
      throw leaves(path)
    }
    const facts = await stat(absolute).catch(rethrow)
    if (facts.isDirectory()) yield* walk(root, path, new Set([...above, here]), signal)
    else if (facts.isFile()) yield { path, size: facts.size, etag: undefined }
    else throw unsafe(path, 'is neither file nor folder')
  }
}

async function namesOf(folder: string) {
  return await readdir(folder, { withFileTypes: true }).catch(rethrow)
}

function rethrow(error: unknown): never {
  throw localFailure(error)
}

function leaves(path: string): ServingError {
  return unsafe(path, 'is a link that leaves the folder')
}

function unsafe(path: string, what: string): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected files and folders in the model's folder, got ${quotePath(path)}, which ${what}`,
  )
}

function localFailure(error: unknown): ServingError {
  if (error instanceof ServingError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ServingError(
      'ARTIFACT_NOT_FOUND',
      'The folder of the version, or a file in it, does not exist; check the path, and that it is mounted on this machine',
      { cause: error },
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new ServingError(
      'ARTIFACT_DENIED',
      'The folder of the version, or a file in it, may not be read; check its owner and mode against the user that Baton runs as',
      { cause: error },
    )
  }
  return new ServingError(
    'ARTIFACT_UNAVAILABLE',
    `The folder of the version cannot be read (${String(code)}); check the disk or mount it lies on`,
    { cause: error },
  )
}
