import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { aliasCommand } from './alias.ts'
import { allowCommand, clearCommand, pinCommand, unpinCommand } from './operator.ts'
import { pullCommand } from './pull.ts'
import { resolveCommand } from './resolve.ts'
import { serveCommand } from './serve.ts'

/** The `baton` command line: one command a file. */
export function createProgram(): Command {
  const program = new Command('baton')
    .description('Serves models from an MLflow registry and follows their aliases')
    .version(VERSION)
    // A command's own --version is the version of a model.
    .enablePositionalOptions()
    .addCommand(serveCommand())
    .addCommand(resolveCommand())
    .addCommand(pullCommand())
    .addCommand(aliasCommand())
    .addCommand(pinCommand())
    .addCommand(unpinCommand())
    .addCommand(allowCommand())
    .addCommand(clearCommand())
  overrideExit(program)
  return program
}

/** Errors come back to `main.ts`, which alone ends the process. */
function overrideExit(command: Command): void {
  command.exitOverride()
  for (const inner of command.commands) overrideExit(inner)
}
