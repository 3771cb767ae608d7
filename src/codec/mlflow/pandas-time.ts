import { parseNumpyTime } from './numpy-time.ts'

/** Nanoseconds of one text. */
export function parsePandasTime(text: string): bigint {
  return parseNumpyTime(text, 'ns')
}
