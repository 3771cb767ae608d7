import { hasProgram } from '../machine.ts'
import { autocannonLoad } from './autocannon-load.ts'
import { wrkLoad } from './wrk-load.ts'

export interface LoadRequest {
  readonly url: string
  readonly body: string
  readonly connections: number
  readonly seconds: number
  /** Command line that pins the load generator. */
  readonly pin: readonly string[]
}

/** What a closed loop of `connections` saw. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds over requests really made. */
  readonly p50: number
  readonly p99: number
  /** Answers that were not 200, and requests that got none. */
  readonly failed: number
  /** Every different body that came with 200: each is checked afterwards. */
  readonly bodies: readonly string[]
}

export type Load = (request: LoadRequest) => Promise<LoadResult>

export type LoadName = 'wrk' | 'autocannon'

export function loadNamed(name: LoadName): Load {
  return name === 'wrk' ? wrkLoad : autocannonLoad
}

/** wrk where it is installed: it takes a fifth of the CPU that autocannon takes, and so is not the limit itself. */
export function preferredLoad(): LoadName {
  return hasProgram('wrk') ? 'wrk' : 'autocannon'
}
