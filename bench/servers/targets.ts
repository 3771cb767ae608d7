import { fileURLToPath } from 'node:url'
import type { BenchModel } from '../models/bench-models.ts'
import type { ServerCommand } from './server-process.ts'

export type TargetName = 'floor' | 'hono' | 'baton' | 'express' | 'piscina'

/** What a target is started with. */
export interface TargetInput {
  readonly model: BenchModel
  readonly registry: string
  /** What a server without a model answers. */
  readonly answer: string
}

/** The path of every target: one model each. */
export const SCORING_PATH = '/invocations'

export const TARGETS: Readonly<Record<TargetName, (input: TargetInput) => ServerCommand>> = {
  floor: ({ answer }) => script('floor.ts', { ANSWER: answer }),
  hono: ({ answer }) => script('hono-floor.ts', { ANSWER: answer }),
  express: ({ model }) => script('express-inline.ts', { MODEL: model.onnxFile }),
  piscina: ({ model }) => script('piscina-task.ts', { MODEL: model.onnxFile }),
  baton: ({ model, registry }) => baton(registry, [`models:/${model.name}@champion`]),
}

/** Baton as it is shipped, with the models named. */
export function baton(
  registry: string,
  uris: readonly string[],
  flags: readonly string[] = [],
): ServerCommand {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const models = uris.flatMap((uri) => ['-m', uri])
  const args = [main, 'serve', '--registry-uri', registry, ...models, '-p', '{port}', ...flags]
  return { args, env: { BATON_LOG_LEVEL: 'warn' } }
}

function script(file: string, env: Readonly<Record<string, string>>): ServerCommand {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return { args: ['--import', 'tsx', path, '{port}'], env }
}
