import { type Rows, writeGoodVersion } from './classifier.ts'
import { writeRecurrentVersion } from './recurrent-network.ts'

/** The same scores by one engine or the other. */
export interface Family {
  /** Writes a good version. */
  readonly write: (folder: string, version: number) => void
  /** Rows as `inputs` of a request. */
  readonly inputs: (rows: Rows) => unknown
}

export const ONNX: Family = { write: writeGoodVersion, inputs: (rows) => ({ x: rows }) }

/** Each row is a series of one step. */
export const TFJS: Family = {
  write: (folder, version) => writeRecurrentVersion(folder, version),
  inputs: (rows) => rows.map((row) => [row]),
}

/** A model that takes one row at a time. */
export const TFJS_ONE_ROW: Family = {
  ...TFJS,
  write: (folder, version) => writeRecurrentVersion(folder, version, { rows: 1 }),
}
