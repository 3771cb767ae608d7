import { once } from 'node:events'
import { Command } from 'commander'
import { createLogger, type Logger } from '../log.ts'
import { BatonServer } from '../server.ts'
import { ALL_SETTINGS, addSettings, configOf } from './settings-options.ts'
import { UncleanEnd } from './unclean-end.ts'

/** `baton serve`: serves until SIGTERM or SIGINT; a second one ends it at once. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve models over HTTP')
    // -h is the host, as it is for `mlflow models serve`.
    .helpOption('--help', 'show this help')
  return addSettings(command, ALL_SETTINGS).action(async () => serve(command))
}

async function serve(command: Command): Promise<void> {
  const config = configOf(command)
  const log = createLogger(config.logLevel)
  if (config.ignoredFlags.length > 0) {
    log.warn(`ignored: ${config.ignoredFlags.join(', ')} (Baton needs no Python environment)`)
  }
  const server = new BatonServer(config, log)
  const port = await server.start()
  log.info({ host: config.host, port }, `listening on http://${config.host}:${port}`)
  const signal = await firstSignal()
  log.info({ signal }, `${signal}: finishing what was accepted`)
  const clean = await Promise.race([server.stop(), secondSignal(log)])
  if (!clean) throw new UncleanEnd()
  log.info('stopped')
}

async function firstSignal(): Promise<string> {
  return Promise.race(
    ['SIGTERM', 'SIGINT'].map(async (signal) => {
      await once(process, signal)
      return signal
    }),
  )
}

async function secondSignal(log: Logger): Promise<false> {
  const signal = await firstSignal()
  log.warn({ signal }, `${signal} again: ending at once`)
  return false
}
