import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRegistry, RunningServer, type TestRegistry } from '../running-server.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

let registry: TestRegistry
let folder: string
let running: RunningServer

beforeAll(async () => {
  registry = await createRegistry({ churn: ['affine-1', 'affine-2', 'two-inputs'] })
  folder = await mkdtemp(join(tmpdir(), 'baton-cli-'))
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: registry.root,
    MODEL_NAME: 'churn',
    BATON_ADMIN_TOKEN: 's3cret',
    BATON_STATE_FILE: join(folder, 'state.json'),
    BATON_TRIAL: 'off',
    BATON_PROBATION: '0',
  })
})

afterAll(async () => {
  await running.server.stop()
  await registry.remove()
  await rm(folder, { recursive: true })
})

/** `baton` from source, told where the server is. */
async function baton(args: readonly string[], token = 's3cret', url = running.url) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args, '--url', url], {
    env: { PATH: process.env.PATH, BATON_ADMIN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  const [status] = (await once(child, 'close')) as [number]
  return { status, ...output }
}

const becomes = (expected: object) =>
  vi.waitFor(
    async () => {
      expect((await running.models()).models[0]).toMatchObject(expected)
    },
    { timeout: 15_000, interval: 20 },
  )

describe('baton pin and unpin', () => {
  it('keep a version and let it go', async () => {
    expect(await baton(['pin', 'churn', '--version', '2'])).toEqual({
      status: 0,
      stdout: 'churn: "champion" is pinned to version 2\n',
      stderr: '',
    })
    await becomes({ refs: [{ serving: '2', pinned: { by: expect.any(String) } }] })
    expect(await baton(['unpin', 'churn'])).toMatchObject({
      status: 0,
      stdout: 'churn: champion follows the registry again\n',
    })
    await becomes({ refs: [{ serving: '1' }] })
    expect(await baton(['unpin', 'churn', '--ref', 'champion'])).toMatchObject({
      stdout: 'churn: nothing was pinned\n',
    })
  })

  it('print JSON for scripts', async () => {
    const { stdout } = await baton(['pin', 'churn', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ model: 'churn', pinned: '1', kept: true })
    await baton(['unpin', 'churn'])
  })
})

describe('baton allow and clear', () => {
  it('let a refused version try again', async () => {
    await registry.setAliases('churn', { champion: 3 })
    await becomes({ versions: [{}, { failure: { code: 'CONTRACT_BREAKING' } }] })
    expect(await baton(['clear', 'churn', '--version', '3'])).toMatchObject({
      status: 0,
      stdout: 'churn: 1 failure cleared\n',
    })
    await becomes({ versions: [{}, { failure: { code: 'CONTRACT_BREAKING' } }] })
    expect(await baton(['allow', 'churn', '--version', '3'])).toMatchObject({
      status: 0,
      stdout: 'churn: version 3 is tried again, and allowed\n',
    })
    await becomes({ refs: [{ serving: '3' }] })
  })
})

describe('what goes wrong', () => {
  it.each([
    ['a model that is not served', ['clear', 'nope'], undefined, 1, 'nope'],
    ['a version that is not there', ['pin', 'churn', '--version', '9'], undefined, 1, '9'],
    ['the wrong token', ['clear', 'churn'], 'guess', 1, 'BATON_ADMIN_TOKEN'],
    ['no model', ['pin'], undefined, 2, 'model'],
    ['no such option', ['pin', 'churn', '--bogus'], undefined, 2, '--bogus'],
  ])('%s has its status and its reason', async (_, args, token, status, why) => {
    const result = await baton(args, token)
    expect([result.status, result.stdout]).toEqual([status, ''])
    expect(result.stderr).toContain(why)
    expect(result.stderr).not.toMatch(/\n {4}at /)
  })

  it('no server there', async () => {
    const { status, stderr } = await baton(['clear', 'churn'], 's3cret', 'http://127.0.0.1:9')
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('No Baton answers at 127.0.0.1:9'),
    ])
  })

  it('no URL', async () => {
    const { status, stderr } = await baton(['clear', 'churn'], 's3cret', 'here')
    expect([status, stderr]).toEqual([2, expect.stringContaining('http://')])
  })
})
