import { ServingError } from '../errors.ts'
import type { ArtifactFile, ArtifactStore } from '../interfaces.ts'
import { describeSource } from './artifact-uri.ts'
import { PathSet } from './path-set.ts'
import { checkPath, quotePath } from './safe-path.ts'

/** What a model may be at most. */
export interface ModelLimits {
  readonly maxFiles: number
  readonly maxModelBytes: number
}

/** The files of a version, every name fit for a path below its folder. */
export interface ListedModel {
  readonly files: readonly ArtifactFile[]
  /** Sum of the sizes; undefined where the store does not say one of them. */
  readonly bytes: number | undefined
}

/**
 * Lists a version and refuses it before anything is written.
 * @throws ServingError ARTIFACT_UNSAFE for unfit names, too many files or too many bytes; ARTIFACT_NOT_FOUND
 * when there is no MLmodel file, saying what there is instead.
 */
export async function listModel(
  store: ArtifactStore,
  source: string,
  limits: ModelLimits,
  signal: AbortSignal,
): Promise<ListedModel> {
  const files: ArtifactFile[] = []
  const paths = new PathSet()
  let bytes: number | undefined = 0
  for await (const file of store.list(source, signal)) {
    paths.add(checkPath(file.path))
    files.push(file)
    if (files.length > limits.maxFiles) throw tooManyFiles(limits.maxFiles)
    bytes = bytes === undefined || file.size === undefined ? undefined : bytes + file.size
    if (bytes !== undefined && bytes > limits.maxModelBytes)
      throw tooManyBytes(limits.maxModelBytes)
  }
  if (!files.some((file) => file.path === 'MLmodel')) throw noModel(source, files)
  return { files, bytes }
}

export function tooManyBytes(maxModelBytes: number): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected a model of at most ${maxModelBytes} bytes, got more; raise --model-max-bytes (BATON_MODEL_MAX_BYTES) if that is its size`,
  )
}

function tooManyFiles(maxFiles: number): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `Expected a model of at most ${maxFiles} files, got more; raise --model-max-files (BATON_MODEL_MAX_FILES) if it has that many`,
  )
}

function noModel(source: string, files: readonly ArtifactFile[]): ServingError {
  const where = describeSource(source)
  const details = { files: files.length }
  if (files.length === 0) {
    return new ServingError(
      'ARTIFACT_NOT_FOUND',
      `Expected an MLmodel file in ${where}, got an empty listing; check the path, and whether the version was deleted`,
      { details },
    )
  }
  const deeper = files.find((file) => file.path.endsWith('/MLmodel'))
  const hint =
    deeper === undefined
      ? 'is that where a model was logged?'
      : `there is one at ${quotePath(deeper.path)}: should the path end there?`
  const shown = files.slice(0, 5).map((file) => quotePath(file.path))
  const more = files.length > shown.length ? `, and ${files.length - shown.length} more` : ''
  return new ServingError(
    'ARTIFACT_NOT_FOUND',
    `Expected an MLmodel file in ${where}, got ${shown.join(', ')}${more}; ${hint}`,
    { details },
  )
}
