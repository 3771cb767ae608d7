import { z } from 'zod'

/** Form of the record of a reference. */
export const LAST_SERVED_SCHEMA = z.object({
  format: z.literal(1),
  registry: z.string(),
  model: z.string(),
  ref: z.string(),
  version: z.object({
    name: z.string(),
    version: z.string(),
    source: z.string(),
    identity: z.string(),
  }),
  since: z.iso.datetime(),
})
