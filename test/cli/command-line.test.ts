import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRegistry, type TestRegistry } from '../running-server.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

let registry: TestRegistry

beforeAll(async () => {
  registry = await createRegistry({ churn: ['affine-1', 'affine-2'] })
})

afterAll(() => registry.remove())

/** `baton` from source, with the registry of this test and no other environment. */
function baton(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    env: { PATH: process.env.PATH, MLFLOW_REGISTRY_URI: registry.root, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  return { child, output }
}

async function run(args: readonly string[], env?: Readonly<Record<string, string>>) {
  const { child, output } = baton(args, env)
  const [status] = (await once(child, 'close')) as [number]
  return { status, ...output }
}

describe('baton resolve', () => {
  it('prints the version and where its files are', async () => {
    expect(await run(['resolve', 'models:/churn@champion'])).toEqual({
      status: 0,
      stdout: `churn version 1\n${join(registry.root, 'churn', '1')}\n`,
      stderr: '',
    })
  })

  it('prints JSON for scripts', async () => {
    const { stdout } = await run(['resolve', 'models:/churn/2', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ name: 'churn', version: '2' })
  })

  it.each([
    ['models:/nope@champion', 'No model "nope"'],
    ['models:/churn@nope', 'has no alias "nope"; its aliases are champion'],
    ['models:/churn/9', 'has no version 9'],
    ['models:/', 'models:/'],
  ])('of %s fails with status 1 and one line that says why', async (uri, why) => {
    const { status, stdout, stderr } = await run(['resolve', uri])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toContain(why)
    expect(stderr).not.toMatch(/\n {4}at /)
  })

  it('says so when the registry cannot be reached', async () => {
    const env = { MLFLOW_REGISTRY_URI: 'http://127.0.0.1:9' }
    const { status, stderr } = await run(['resolve', 'models:/a@b'], env)
    expect(status).toBe(1)
    expect(stderr).toContain('MLFLOW_TRACKING_URI')
  })
})

describe('baton pull', () => {
  it('prints the folder of the files', async () => {
    const { status, stdout } = await run(['pull', 'models:/churn@champion'])
    expect(status).toBe(0)
    expect(await readFile(join(stdout.trim(), 'MLmodel'), 'utf8')).toContain('flavors:')
  })
})

describe('baton alias', () => {
  it('sets, lists and deletes', async () => {
    expect(await run(['alias', 'set', 'churn', 'next', '2'])).toMatchObject({ status: 0 })
    expect(await run(['alias', 'list', 'churn'])).toMatchObject({
      stdout: 'champion: 1\nnext: 2\n',
    })
    expect(await run(['alias', 'delete', 'churn', 'next'])).toMatchObject({ status: 0 })
    const { stdout } = await run(['alias', 'list', 'churn', '--json'])
    expect(JSON.parse(stdout)).toEqual({ champion: '1' })
  })

  it('refuses a version that is not there', async () => {
    const { status, stderr } = await run(['alias', 'set', 'churn', 'champion', '9'])
    expect([status, stderr]).toEqual([1, expect.stringContaining('has no version 9')])
  })
})

describe('wrong usage', () => {
  it('of flags is status 2', async () => {
    const { status, stderr } = await run(['serve', '--bogus'])
    expect([status, stderr]).toEqual([2, "error: unknown option '--bogus'\n"])
  })

  it('of settings is status 2, every mistake at once', async () => {
    const { status, stderr } = await run(['serve', '--port', 'x'], { BATON_POLL_INTERVAL: 'y' })
    expect(status).toBe(2)
    expect(stderr).toContain('2 mistakes')
    expect(stderr).toContain('--port / BATON_PORT')
    expect(stderr).toContain('--poll-interval / BATON_POLL_INTERVAL')
  })

  it('without a model to serve from MLflow is status 2 and names MODEL_NAME', async () => {
    const { status, stderr } = await run(['serve'], { MLFLOW_REGISTRY_URI: 'http://127.0.0.1:9' })
    expect([status, stderr]).toEqual([2, expect.stringContaining('MODEL_NAME')])
  })
})

describe('baton serve', () => {
  it('logs a JSON line an event, stops at SIGTERM, and exits with status 0', async () => {
    const { child, output } = baton(['serve', '--port', '0', '--no-conda'])
    await vi.waitFor(() => expect(output.stdout).toContain('hand-over swapped'), {
      timeout: 15_000,
      interval: 20,
    })
    child.kill('SIGTERM')
    const [status] = await once(child, 'close')
    const lines = output.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string })
    expect(lines.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('ignored: --no-conda'),
        expect.stringMatching(/^listening on http:\/\/127\.0\.0\.1:\d+$/),
        'stopped',
      ]),
    )
    expect([status, output.stderr]).toEqual([0, ''])
  })
})
