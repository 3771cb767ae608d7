/**
 * Why a worker's thread ended: `closed` when its last model left, `exited` by itself, `hung` when it was abandoned
 * because a run did not end.
 */
export type ThreadEnd = 'closed' | 'exited' | 'hung'

/** Told of what happens to worker threads, for metrics and logs. Must not throw. */
export interface PoolObserver {
  workerStarted?(): void
  /** `message` says what happened; models of a thread that exited or hung are loaded again on a new one. */
  workerEnded?(end: ThreadEnd, message: string): void
  /** Models of a lost worker run again on its replacement, or could not be loaded there. */
  modelsRestored?(restored: number, failed: number): void
}
