import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { RunningServer } from './running-server.ts'

const SAMPLE = fileURLToPath(new URL('../models/optical-digits', import.meta.url))

let root: string
let running: RunningServer
let row: unknown

/** Copies version 1 to `version` and breaks it. */
async function breakVersion(version: number, change: (folder: string) => Promise<void>) {
  const folder = join(root, 'digits', String(version))
  await cp(join(root, 'digits', '1'), folder, { recursive: true })
  await change(join(folder, 'model'))
}

async function editModel(folder: string, change: (text: string) => string): Promise<void> {
  const file = join(folder, 'model.json')
  await writeFile(file, change(await readFile(file, 'utf8')))
}

const weights = (folder: string) => join(folder, 'group1-shard1of1.bin')

/** Ways to break a version, each with what the failure must name. */
const BROKEN: readonly [string, RegExp, (folder: string) => Promise<void>][] = [
  ['a missing shard', /group1-shard1of1\.bin/, (folder) => rm(weights(folder))],
  [
    'a shard that was cut',
    /bytes/,
    async (folder) => writeFile(weights(folder), (await readFile(weights(folder))).subarray(0, 64)),
  ],
  [
    'a shard that climbs out',
    /\.\.\/secret\.bin/,
    (folder) => editModel(folder, (text) => text.replace('group1-shard1of1.bin', '../secret.bin')),
  ],
  [
    'a model.json that was cut',
    /model\.json/,
    (folder) => editModel(folder, (text) => text.slice(0, 90)),
  ],
]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'baton-tfjs-'))
  await cp(join(SAMPLE, '1'), join(root, 'digits', '1'), { recursive: true })
  for (const [i, [, , change]] of BROKEN.entries()) await breakVersion(i + 2, change)
  await setChampion(1)
  const expected = JSON.parse(await readFile(join(SAMPLE, 'expected.json'), 'utf8'))
  row = expected.inputs[0]
  running = await RunningServer.start({ MLFLOW_REGISTRY_URI: root, MODEL_NAME: 'digits' })
})

afterAll(async () => {
  await running.server.stop()
  await rm(root, { recursive: true })
})

function setChampion(version: number): Promise<void> {
  return writeFile(join(root, 'digits', 'aliases.yaml'), `champion: ${version}\n`)
}

describe('when the alias moves to a TensorFlow.js version with', () => {
  it.each(BROKEN.map(([what, named], i) => [what, i + 2, named] as const))(
    '%s, the old version serves on and /models names the cause',
    async (_what, version, named) => {
      await setChampion(version)
      await vi.waitFor(
        async () => {
          const { models } = await running.models()
          const versions = models[0]?.versions as {
            version: string
            failure?: { message: string }
          }[]
          const failed = versions.find((candidate) => candidate.version === String(version))
          expect(failed?.failure?.message).toMatch(named)
        },
        { timeout: 20_000, interval: 50 },
      )
      const response = await running.post('/invocations', { inputs: [row] })
      expect([response.status, response.headers.get('x-model-version')]).toEqual([200, '1'])
      expect((await fetch(`${running.url}/readyz`)).status).toBe(200)
    },
  )
})
