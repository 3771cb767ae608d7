import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { whyNotHere } from '../interop/support/backends.ts'
import { Baton } from '../interop/support/baton.ts'
import { Cleanup } from '../interop/support/cleanup.ts'
import { MlflowServer } from '../interop/support/mlflow.ts'
import { ONNX } from './bad-versions/families.ts'
import { BAD_VERSIONS, type BadVersion, HANGS_LATER, IN_MLFLOW } from './bad-versions/kinds.ts'
import { playOut, tell } from './bad-versions/play-out.ts'

/** Short times and small limits, so that every stage decides within seconds. */
const SETTINGS = {
  BATON_POLL_INTERVAL: '100ms',
  BATON_TRIAL_TIMEOUT: '10s',
  BATON_TRIAL_MEMORY: '512MiB',
}

/** Writes the versions 1 to 3 of a model below `root`. */
function writeVersions(root: string, { kind, family = ONNX, write }: BadVersion): string[] {
  const folders = [1, 2, 3].map((version) => path.join(root, nameOf(kind), String(version)))
  const [first = '', second = '', third = ''] = folders
  family.write(first, 1)
  write(second)
  family.write(third, 3)
  return folders
}

function moveAlias(root: string, { kind }: BadVersion, version: string): void {
  writeFileSync(path.join(root, nameOf(kind), 'aliases.yaml'), `champion: ${version}\n`)
}

/** A model's name in the registry. */
function nameOf(kind: string): string {
  return kind.toLowerCase().replaceAll(/\W+/g, '-')
}

/** Starts Baton on a folder registry of these models. */
async function startOnFolder(cleanup: Cleanup, kinds: readonly BadVersion[], more = {}) {
  const root = await temporaryFolder(cleanup)
  for (const bad of kinds) {
    writeVersions(root, bad)
    moveAlias(root, bad, '1')
  }
  const env = { ...SETTINGS, MLFLOW_REGISTRY_URI: root, ...more }
  const baton = cleanup.add(await Baton.start({ env }), (it) => it.remove())
  return (bad: BadVersion) => ({
    baton,
    model: nameOf(bad.kind),
    moveAlias: async (version: string) => moveAlias(root, bad, version),
  })
}

async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  return cleanup.add(await mkdtemp(path.join(tmpdir(), 'baton-bad-versions-')), (it) =>
    rm(it, { recursive: true, force: true }),
  )
}

describe('with a folder as registry', () => {
  const cleanup = new Cleanup()
  let placeOf: Awaited<ReturnType<typeof startOnFolder>>
  beforeAll(async () => {
    placeOf = await startOnFolder(cleanup, BAD_VERSIONS)
  })
  afterAll(() => cleanup.run())

  test.each(BAD_VERSIONS.map((bad, order) => [bad.kind, bad, order] as const))(
    '%s',
    async (kind, bad, order) => tell(order, kind, await playOut(bad, placeOf(bad))),
  )
})

describe('where requests may take a second', () => {
  const cleanup = new Cleanup()
  afterAll(() => cleanup.run())

  test(HANGS_LATER.kind, async () => {
    const limit = { MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT: '1s' }
    const placeOf = await startOnFolder(cleanup, [HANGS_LATER], limit)
    const played = await playOut(HANGS_LATER, placeOf(HANGS_LATER))
    await tell(BAD_VERSIONS.length, HANGS_LATER.kind, played)
  })
})

describe.skipIf(whyNotHere('mlflow.sh'))('with MLflow as registry', () => {
  const cleanup = new Cleanup()
  let mlflow: MlflowServer
  let baton: Baton

  beforeAll(async () => {
    mlflow = cleanup.add(await MlflowServer.start(['sqlite']), (it) => it.remove())
    const root = await temporaryFolder(cleanup)
    const models = IN_MLFLOW.map((bad) => [nameOf(bad.kind), writeVersions(root, bad)] as const)
    await mlflow.registerFolders(Object.fromEntries(models))
    for (const [name] of models) await mlflow.setAlias(name, 'champion', '1')
    const uris = models.map(([name]) => `models:/${name}@champion`).join(' ')
    const env = { ...SETTINGS, ...mlflow.clientEnv, MODEL_URI: uris }
    baton = cleanup.add(await Baton.start({ env }), (it) => it.remove())
  })
  afterAll(() => cleanup.run())

  test.each(IN_MLFLOW.map((bad) => [bad.kind, bad] as const))('%s', async (kind, bad) => {
    const model = nameOf(kind)
    const move = (version: string) => mlflow.setAlias(model, 'champion', version)
    await playOut(bad, { baton, model, moveAlias: move })
  })
})
