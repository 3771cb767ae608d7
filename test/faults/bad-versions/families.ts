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
  write: writeRecurrentVersion,
  inputs: (rows) => rows.map((row) => [row]),
}
