import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { Load } from './support/load.ts'
import { MlflowServer } from './support/mlflow.ts'

const NAME = 'large'
const MOVES = 20

describe.skipIf(whyNotHere('mlflow.sh'))('the memory of models of 32 MiB', () => {
  const cleanup = new Cleanup()
  let mlflow: MlflowServer
  let baton: Baton

  beforeAll(async () => {
    mlflow = cleanup.add(await MlflowServer.start(['sqlite']), (it) => it.remove())
    await mlflow.registerSized(NAME, 2, 32)
    await mlflow.setAlias(NAME, 'champion', '1')
    // Without probation each version is unloaded, and loaded again when it is wanted.
    const env = {
      ...mlflow.clientEnv,
      MODEL_NAME: NAME,
      MODEL_ALIAS: 'champion',
      BATON_PROBATION: '0',
    }
    baton = cleanup.add(await Baton.start({ env }), (it) => it.remove())
  })
  afterAll(() => cleanup.run())

  /** Resident once the load is answered by this version alone and the one before it is closed. */
  async function residentAfterMoveTo(version: string, load: Load): Promise<number> {
    await mlflow.setAlias(NAME, 'champion', version)
    await baton.json(`/models/${NAME}/refresh`, { method: 'POST' })
    await load.settledOn(version)
    await baton.hasOneVersion(NAME)
    return baton.residentBytes()
  }

  test(`is given back: resident memory after ${MOVES} moves is that after 2, within a tenth`, async () => {
    // A server that has worked for a while: V8 has compiled what is hot, and its heap has the size that it keeps.
    const warmUp = Load.start(baton.url, 30)
    await warmUp.settledOn('1')
    await warmUp.answered(20_000)
    await warmUp.stop()
    // Few requests over many connections: their own garbage must not hide a model's 32 MiB.
    const load = Load.start(baton.url, 200, 200)
    await load.settledOn('1')
    const resident: number[] = []
    for (let moved = 1; moved <= MOVES; moved++) {
      resident.push(await residentAfterMoveTo(moved % 2 === 1 ? '2' : '1', load))
    }
    const report = await load.stop()
    expect(report).toMatchObject({ non2xx: 0, errors: 0, wrong: [] })
    expect(resident[MOVES - 1]).toBeLessThan((resident[1] ?? 0) * 1.1)
  })
})
