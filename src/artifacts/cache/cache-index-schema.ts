import { z } from 'zod'

/** Form of an entry's `index.json`. */
export const INDEX_SCHEMA = z.object({
  format: z.literal(1),
  name: z.string(),
  version: z.string(),
  source: z.string(),
  identity: z.string(),
  created: z.string(),
  bytes: z.number().int().nonnegative(),
  files: z.array(
    z.object({
      path: z.string(),
      size: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
})

/** What an entry of the cache holds: which version, and each file with its size in bytes and SHA-256. */
export type CacheIndex = z.infer<typeof INDEX_SCHEMA>
export type IndexedFile = CacheIndex['files'][number]
