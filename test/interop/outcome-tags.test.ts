import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ONNX_TYPES } from '../engines/support/onnx-file.ts'
import { writeVersion } from '../faults/bad-versions/classifier.ts'
import { whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'
import { MlflowServer } from './support/mlflow.ts'

const NAME = 'sums'
const { float32, int64 } = ONNX_TYPES
const VALUE = { type: float32, shape: ['n'] } as const

/** Adds a table's value at x to x: beyond the table it fails, as long as x is small it is right. */
function writeTable(folder: string, rows: number): string {
  writeVersion(folder, {
    inputs: [{ ...VALUE, name: 'x' }],
    outputs: [{ ...VALUE, name: 'y' }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: int64 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['found'] },
      { op: 'Add', inputs: ['x', 'found'], outputs: ['y'] },
    ],
    constants: [{ name: 'table', type: float32, shape: [rows], data: new Float32Array(rows) }],
  })
  return folder
}

describe.skipIf(whyNotHere('mlflow.sh'))('what became of a version stands in MLflow', () => {
  const cleanup = new Cleanup()
  let mlflow: MlflowServer
  let baton: Baton

  beforeAll(async () => {
    const folder = cleanup.add(mkdtempSync(join(tmpdir(), 'baton-tags-')), (it) =>
      rm(it, { recursive: true }),
    )
    const good = writeTable(join(folder, 'good'), 1_000)
    const bad = writeTable(join(folder, 'bad'), 10)
    mlflow = cleanup.add(await MlflowServer.start(['sqlite']), (it) => it.remove())
    await mlflow.registerFolders({ [NAME]: [good, bad] })
    await mlflow.setAlias(NAME, 'champion', '1')
    const env = { ...mlflow.clientEnv, MODEL_NAME: NAME, MODEL_ALIAS: 'champion' }
    const flags = ['--write-outcome-tags', '--poll-interval', '200ms']
    baton = cleanup.add(await Baton.start({ env, flags }), (it) => it.remove())
  })
  afterAll(() => cleanup.run())

  const ask = (x: number) => baton.predict({ inputs: { x: [x] } })

  test('as tags of the model version, while it serves and when it is taken back', async () => {
    const serving = await eventually('a tag of version 1', async () => {
      const tags = await mlflow.tagsOf(NAME, '1')
      return tags['baton.outcome'] === undefined ? undefined : tags
    })
    expect(serving).toMatchObject({
      'baton.outcome': 'serving',
      'baton.outcome_reason': 'first version loaded',
      'baton.outcome_at': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    })

    for (let n = 0; n < 50; n += 1) expect((await ask(3)).status).toBe(200)
    await mlflow.setAlias(NAME, 'champion', '2')
    await eventually(
      'an answer from version 2',
      async () => (await ask(3)).version === '2' || undefined,
    )
    await eventually('version 2 to be taken back', async () => {
      const { status, version } = await ask(500)
      expect([version, status]).toEqual(version === '2' ? ['2', 400] : ['1', 200])
      return version === '1' || undefined
    })
    const taken = await eventually('the tag of version 2', async () => {
      const tags = await mlflow.tagsOf(NAME, '2')
      return tags['baton.outcome'] === 'taken_back' ? tags : undefined
    })
    expect(taken['baton.outcome_reason']).toMatch(
      /^\d+ of \d+ requests failed \(MODEL_FAILED \d+\)/,
    )
    expect((await ask(500)).version).toBe('1')
  })
})
