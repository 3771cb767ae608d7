import { Command } from 'commander'
import { systemClock } from '../clock.ts'
import type { AliasAdmin } from '../registry/alias-admin.ts'
import { addSettings, configOf } from './settings-options.ts'

/** `baton alias set|delete|list`: moves the aliases of a registered model, in MLflow or in the folder registry. */
export function aliasCommand(): Command {
  return new Command('alias')
    .description('show and move the aliases of a model')
    .addCommand(
      aliasAction('set', 'point an alias at a version')
        .argument('<model>')
        .argument('<alias>')
        .argument('<version>')
        .action(async (model: string, alias: string, version: string, _options, command) => {
          await withAliases(command, (aliases, signal) =>
            aliases.setAlias(model, alias, version, signal),
          )
          process.stdout.write(`${model}@${alias} is version ${version} now\n`)
        }),
    )
    .addCommand(
      aliasAction('delete', 'take an alias away')
        .argument('<model>')
        .argument('<alias>')
        .action(async (model: string, alias: string, _options, command) => {
          await withAliases(command, (aliases, signal) => aliases.deleteAlias(model, alias, signal))
          process.stdout.write(`${model}@${alias} is no more\n`)
        }),
    )
    .addCommand(
      aliasAction('list', 'show the aliases of a model')
        .argument('<model>')
        .option('--json', 'print JSON')
        .action(async (model: string, options: { readonly json?: boolean }, command) => {
          const list = await withAliases(command, (aliases, signal) =>
            aliases.listAliases(model, signal),
          )
          const text = options.json
            ? JSON.stringify(Object.fromEntries(list.map(({ alias, version }) => [alias, version])))
            : list.map(({ alias, version }) => `${alias}: ${version}`).join('\n')
          process.stdout.write(`${text}\n`)
        }),
    )
}

function aliasAction(name: string, description: string): Command {
  return addSettings(new Command(name).description(description), [
    'registryUri',
    'registryTimeoutMs',
  ])
}

async function withAliases<T>(
  command: Command,
  act: (aliases: AliasAdmin, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { openModelSource } = await import('../assembly/model-source.ts')
  const source = openModelSource(await configOf(command), { clock: systemClock })
  try {
    return await act(source.opened.aliases, new AbortController().signal)
  } finally {
    await source.close()
  }
}
