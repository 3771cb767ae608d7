import { statfs } from 'node:fs/promises'
import { ServingError } from '../../errors.ts'
import type { ArtifactFile, ArtifactStore, DownloadProgress } from '../../interfaces.ts'
import { forEachLimit } from '../for-each-limit.ts'
import { type ListedModel, type ModelLimits, tooManyBytes } from '../listed-model.ts'
import type { IndexedFile } from './cache-index-schema.ts'
import type { Staging } from './staging.ts'

/** Files read at once; a store may read several parts of each. */
const FILES_AT_ONCE = 4

/**
 * Downloads every file of a listed model into the staging.
 * @returns what was written, each file with its hash.
 */
export async function downloadModel(
  store: ArtifactStore,
  source: string,
  model: ListedModel,
  staging: Staging,
  limits: ModelLimits,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
): Promise<IndexedFile[]> {
  const done: IndexedFile[] = []
  let bytesDone = 0
  const report = () =>
    onProgress({
      files: model.files.length,
      filesDone: done.length,
      bytes: model.bytes,
      bytesDone,
    })
  const count = (bytes: number) => {
    if (bytesDone + bytes > limits.maxModelBytes) throw tooManyBytes(limits.maxModelBytes)
    bytesDone += bytes
    report()
  }
  report()
  const fetchFile = async (file: ArtifactFile, fileSignal: AbortSignal) => {
    const sink = await staging.file(file, count)
    try {
      await store.download(source, file, sink, fileSignal)
      done.push(await sink.finish())
    } catch (error) {
      await sink.discard()
      throw error
    }
    report()
  }
  await forEachLimit(model.files, FILES_AT_ONCE, fetchFile, signal)
  return done
}

/**
 * Refuses a download that the disk cannot hold before it begins.
 * @throws ServingError CACHE_FAILED.
 */
export async function checkFreeSpace(folder: string, neededBytes: number): Promise<void> {
  const facts = await statfs(folder).catch(() => undefined)
  // Some file systems say nothing: all zeros.
  if (facts === undefined || facts.blocks === 0) return
  const freeBytes = facts.bavail * facts.bsize
  if (neededBytes <= freeBytes) return
  throw new ServingError(
    'CACHE_FAILED',
    `Expected ${neededBytes} bytes free on the disk of the folder for downloaded models (--cache-dir, BATON_CACHE_DIR), got ${freeBytes}; make room, or name a folder on a larger disk`,
    { details: { neededBytes, freeBytes } },
  )
}
