import { createHash } from 'node:crypto'

/** A short text that differs when `text` does; fit for a file name. */
export function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
