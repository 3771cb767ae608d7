import { z } from 'zod'
import { ServingError } from '../../errors.ts'
import { checkPath } from '../safe-path.ts'

/** One name in a folder of the proxy. */
export interface ProxyEntry {
  readonly path: string
  readonly isFolder: boolean
  readonly size: number | undefined
}

/** `ListArtifacts.Response` (mlflow/protos/mlflow_artifacts.proto): base names; no `files` for a missing folder. */
const LISTING = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean().default(false),
        file_size: z.coerce.number().int().nonnegative().optional(),
      }),
    )
    .default([]),
})

/**
 * Reads the answer to a listing of `folder`, which is relative to the model's root.
 * @throws ServingError ARTIFACT_UNSAFE for a folder name that must not be asked for, ARTIFACT_UNAVAILABLE for
 * what is no listing.
 */
export function readListing(text: string, folder: string): ProxyEntry[] {
  const { files } = parse(text)
  const entries: ProxyEntry[] = []
  for (const file of files) {
    if (file.path === '.' || file.path === '') continue
    const path = folder === '' ? file.path : `${folder}/${file.path}`
    // A folder's name becomes part of the next request; a file's is checked by whoever writes it.
    if (file.is_dir) checkPath(path)
    entries.push({ path, isFolder: file.is_dir, size: file.is_dir ? undefined : file.file_size })
  }
  return entries
}

function parse(text: string): z.infer<typeof LISTING> {
  try {
    return LISTING.parse(JSON.parse(text))
  } catch (cause) {
    throw new ServingError(
      'ARTIFACT_UNAVAILABLE',
      "Expected a listing of MLflow's artifact proxy, got something else; check MLFLOW_TRACKING_URI, its path prefix included, and what stands between",
      { cause },
    )
  }
}
