import { once } from 'node:events'
import { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { PreparedThread } from '../engines/prepared-thread.ts'
import type { Logger } from '../log.ts'
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
  const config = await configOf(command)
  // Imported here, so that the thread starts meanwhile.
  const prepared = new PreparedThread()
  const { createLogger } = await import('../log.ts')
  const { BatonServer } = await import('../server.ts')
  const log = createLogger(config.logLevel)
  if (config.ignoredFlags.length > 0) {
    log.warn(`ignored: ${config.ignoredFlags.join(', ')} (Baton needs no Python environment)`)
  }
  const server = new BatonServer(config, log, systemClock, prepared)
  const port = await server.start()
  log.info({ host: config.host, port }, `listening on http://${config.host}:${port}`)
  const signal = await firstSignal()
  log.info({ signal }, `${signal}: finishing what was accepted`)
  const clean = await Promise.race([server.stop(), secondSignal(log)])
  if (!clean) {
    // SIGKILL would take along what is not written yet.
    await new Promise<void>((resolve) => log.flush(() => resolve()))
    throw new UncleanEnd()
  }
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
