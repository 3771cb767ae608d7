import { type Logger, pino } from 'pino'
import { ServingError } from './errors.ts'

export type { Logger } from 'pino'

/** The process's log: one JSON line an event on standard output. Workers do not log; they return errors. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  })
}

/** A failure as data for the log: our own have a code and no stack, foreign ones keep it. */
function describeError(error: unknown): object {
  if (error instanceof ServingError) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined
    return { code: error.code, message: error.message, ...(cause === undefined ? {} : { cause }) }
  }
  if (error instanceof Error) return { message: error.message, stack: error.stack }
  return { message: String(error) }
}
