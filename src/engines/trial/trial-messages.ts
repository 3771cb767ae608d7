import type { InvokeRequest, LoadRequest, RunRequest, WorkerReply } from '../worker-messages.ts'

interface TrialRequests {
  readonly load: LoadRequest
  readonly run: RunRequest
  readonly invoke: InvokeRequest
}

export type TrialKind = keyof TrialRequests

export type TrialRequest<Kind extends TrialKind = TrialKind> = TrialRequests[Kind]

/** What the parent sends. Requests are answered one at a time, in their order. */
export interface TrialQuestion {
  readonly id: number
  readonly request: TrialRequest
}

/** What the child sends. */
export interface TrialReply {
  readonly id: number
  readonly reply: WorkerReply<TrialKind>
  /** Milliseconds of the engine alone. */
  readonly engineMs: number
  /** CPU milliseconds that the child has taken since its start. */
  readonly cpuMs: number
  /** Resident memory of the child before it opened the files, and now. Bytes. */
  readonly memoryBefore: number
  readonly memoryNow: number
}
