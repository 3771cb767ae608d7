import { rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareEnvironment, command, temporaryFolder, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { mlflowPython } from './support/mlflow-python.ts'

const SCRIPT = path.join(import.meta.dirname, 'clients/clients.py')

describe.skipIf(whyNotHere('mlflow.sh') !== undefined)("MLflow's own clients", () => {
  const cleanup = new Cleanup()
  const checks: Record<string, string | null> = {}

  beforeAll(async () => {
    const folder = cleanup.add(await temporaryFolder('clients'), (it) =>
      rm(it, { recursive: true }),
    )
    const python = await mlflowPython()
    const run = (...args: readonly string[]) =>
      command(python, [SCRIPT, ...args], { env: bareEnvironment(folder), cwd: folder })
    const registry = path.join(folder, 'models')
    await run('save', registry)
    // Not ready yet: `wait_server_ready` has something to wait for.
    const flags = ['--registry-uri', registry]
    const baton = cleanup.add(await Baton.spawn({ env: {}, flags }), (it) => it.remove())
    const printed = await run('ask', registry, baton.url)
    Object.assign(checks, JSON.parse(printed.split('\n').at(-1) ?? ''))
  })
  afterAll(() => cleanup.run())

  test.each([
    ['invoke, with data as a frame, an array or a dict of arrays', 'invokes', 5],
    [
      'validate_serving_input, on what convert_input_example_to_serving_input gives',
      'validates',
      5,
    ],
    ['an exception for what does not fit', 'refuses', 5],
    ['predictions as a frame and as an array', 'reads', 2],
  ])('%s', (_, check, count) => {
    const found = Object.entries(checks).filter(([name]) => name.startsWith(check))
    expect(found).toHaveLength(count)
    expect(found.filter(([, problem]) => problem !== null)).toEqual([])
  })
})
