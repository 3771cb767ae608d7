import { cp, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Environment, REPOSITORY } from '../../interop/support/backends.ts'
import { Baton } from '../../interop/support/baton.ts'
import type { Scene } from './scene.ts'

const FIXTURES = path.join(REPOSITORY, 'test/fixtures/models')
const DISTURB = path.join(import.meta.dirname, 'disturb.mjs')

/** Name under which the fixtures are served. */
const LOCAL = 'local'

/** A folder registry of fixture models, numbered from 1, with the alias `champion` at 1. */
export async function localModels(scene: Scene, ...fixtures: readonly string[]) {
  const root = await scene.folder()
  for (const [index, fixture] of fixtures.entries()) {
    await cp(path.join(FIXTURES, fixture), path.join(root, LOCAL, String(index + 1)), {
      recursive: true,
    })
  }
  const setAlias = (version: string) =>
    writeFile(path.join(root, LOCAL, 'aliases.yaml'), `champion: ${version}\n`)
  await setAlias('1')
  return { root, setAlias }
}

/** Starts Baton on a folder registry, with a way to disturb its threads. */
export async function serveLocal(
  scene: Scene,
  root: string,
  env: Environment = {},
  flags: readonly string[] = [],
): Promise<Baton> {
  const baton = await Baton.spawn({
    channel: true,
    flags: ['--poll-interval', '250ms', '--drain-timeout', '3s', ...flags],
    env: {
      MLFLOW_REGISTRY_URI: root,
      MODEL_NAME: LOCAL,
      MODEL_ALIAS: 'champion',
      NODE_OPTIONS: `--import ${DISTURB}`,
      DISTURB_PARENT: String(process.pid),
      ...env,
    },
  })
  scene.cleanup.add(baton, (it) => it.remove())
  await scene.ready(baton)
  return baton
}
