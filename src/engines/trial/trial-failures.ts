import { ServingError } from '../../errors.ts'
import type { TrialKind } from './trial-messages.ts'
import type { TrialMemoryLimit } from './trial-process.ts'

type Doing = TrialKind | undefined

/** The process could not be started, or not be spoken to. */
export function notStarted(cause: Error): ServingError {
  const why = (cause as NodeJS.ErrnoException).code ?? cause.message
  return new ServingError('TRIAL_FAILED', `The process of the trial could not be started: ${why}`, {
    cause,
  })
}

/** The process ended by itself, or was ended by somebody else. */
export function crashed(
  code: number | null,
  signal: NodeJS.Signals | null,
  doing: Doing,
  lastWords: string | undefined,
): ServingError {
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
  // Whoever sends it says nothing more.
  const hint = signal === 'SIGKILL' ? ', as the kernel does where memory runs out' : ''
  const words = lastWords === undefined ? '' : `: ${lastWords}`
  return new ServingError(
    'TRIAL_FAILED',
    `On trial, the process of the model ${how} ${during(doing)}${hint}${words}`,
    { details: { exitCode: code, signal } },
  )
}

export function didNotAnswer(timeoutMs: number, doing: Doing): ServingError {
  return new ServingError(
    'TRIAL_FAILED',
    `The trial did not answer within ${timeoutMs} ms: it was ended ${during(doing)}`,
    { details: { timeoutMs } },
  )
}

export function tookTooMuch(bytes: number, limit: TrialMemoryLimit, doing: Doing): ServingError {
  const { code, bytes: limitBytes } = limit
  const allowed =
    code === 'INSUFFICIENT_MEMORY' ? 'that the container has left for it' : 'that it may take'
  return new ServingError(
    code,
    `On trial, the model took ${mebibytes(bytes)} of memory ${during(doing)}, more than the ${mebibytes(limitBytes)} ${allowed}`,
    { details: { bytes, limitBytes } },
  )
}

function during(doing: Doing): string {
  if (doing === undefined) return 'between its runs'
  return doing === 'load' ? 'while it loaded' : 'while it ran'
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}
