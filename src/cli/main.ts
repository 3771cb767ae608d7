#!/usr/bin/env node
import { CommanderError } from 'commander'
import { ServingError } from '../errors.ts'
import { createProgram } from './program.ts'
import { UncleanEnd } from './unclean-end.ts'

/** 0 done, 1 failed, 2 wrong usage or configuration. */
function exitStatus(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const usage = error instanceof ServingError && error.code === 'CONFIG_INVALID'
  return usage ? 2 : 1
}

function report(error: unknown): void {
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return
  const known = error instanceof ServingError || error instanceof UncleanEnd
  const text = known ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`baton: ${text}\n`)
}

try {
  await createProgram().parseAsync(process.argv)
  process.exit(0)
} catch (error) {
  report(error)
  // A native run that hangs makes process.exit() wait for it: nothing but SIGKILL gets past one.
  if (error instanceof UncleanEnd) process.kill(process.pid, 'SIGKILL')
  process.exit(exitStatus(error))
}
