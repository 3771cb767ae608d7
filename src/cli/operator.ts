import { userInfo } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { url as parseUrl } from '../config/setting-types.ts'
import { type Answer, askBaton } from './baton-client.ts'
import { configOf } from './settings-options.ts'

interface Options {
  readonly url: string
  readonly version?: string
  readonly ref?: string
  readonly json?: boolean
}

/** `baton clear <model>`: what failed is tried again now. */
export function clearCommand(): Command {
  return operatorCommand('clear', 'try versions of a running server again that have failed')
    .option('--version <number>', 'this version only')
    .action(async (model: string, { version }: Options, command: Command) => {
      const answer = await act(command, model, 'clear', { version })
      const count = Number(answer.cleared)
      tell(command, answer, `${model}: ${count} ${count === 1 ? 'failure' : 'failures'} cleared`)
    })
}

/** `baton allow <model>`: a version that was refused for what clients would notice is accepted, this once. */
export function allowCommand(): Command {
  return operatorCommand('allow', 'accept, once, a version refused for its contract or rehearsal')
    .option('--version <number>', 'this version only')
    .action(async (model: string, { version }: Options, command: Command) => {
      const answer = await act(command, model, 'allow', { version })
      tell(command, answer, `${model}: version ${list(answer.allowed)} is tried again, and allowed`)
    })
}

/** `baton pin <model>`: stops following the alias. */
export function pinCommand(): Command {
  return operatorCommand('pin', 'keep a reference of a running server at one version')
    .option('--version <number>', 'the version (default: the one that serves now)')
    .option('--ref <name>', 'alias or other reference, where the model has several')
    .action(async (model: string, { version, ref }: Options, command: Command) => {
      const answer = await act(command, model, 'pin', { version, ref, by: userInfo().username })
      const text = `${model}: "${answer.ref}" is pinned to version ${answer.pinned}`
      tell(command, answer, text + untilRestart(answer))
    })
}

/** `baton unpin <model>`: follows the alias again. */
export function unpinCommand(): Command {
  return operatorCommand('unpin', 'let references of a running server follow the registry again')
    .option('--ref <name>', 'this reference only')
    .action(async (model: string, { ref }: Options, command: Command) => {
      const answer = await act(command, model, 'unpin', { ref })
      const unpinned = list(answer.unpinned)
      const text = unpinned === '' ? 'nothing was pinned' : `${unpinned} follows the registry again`
      tell(command, answer, `${model}: ${text}${untilRestart(answer)}`)
    })
}

function operatorCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<model>', 'name the model is served under')
    .option('--url <url>', 'where Baton listens', readUrl, 'http://127.0.0.1:8080')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nWhere the server has a BATON_ADMIN_TOKEN, set the same one here.')
}

function readUrl(text: string): string {
  try {
    return parseUrl(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : '')
  }
}

async function act(command: Command, model: string, action: string, body: Answer): Promise<Answer> {
  const { adminToken: token } = await configOf(command)
  const { url } = command.opts<Options>()
  return askBaton({ url, token }, `/models/${encodeURIComponent(model)}/${action}`, body)
}

function tell(command: Command, answer: Answer, text: string): void {
  const { json } = command.opts<Options>()
  process.stdout.write(`${json === true ? JSON.stringify(answer) : text}\n`)
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : ''
}

function untilRestart({ kept }: Answer): string {
  return kept === false ? ' (until it restarts: the state file cannot be written)' : ''
}
