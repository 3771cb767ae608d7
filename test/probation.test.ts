import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Constant, type Graph, ONNX_TYPES } from './engines/support/onnx-file.ts'
import { writeVersion } from './faults/bad-versions/classifier.ts'
import { RunningServer } from './running-server.ts'

const { float32, int64, bool } = ONNX_TYPES

/** Every version answers x + VERSION. Bad ones do so as long as x is small. */
const LARGE = 50_000

const offset = (version: number): Constant => ({
  name: 'offset',
  type: float32,
  shape: [1],
  data: Float32Array.of(version),
})

const X = { name: 'x', type: float32, shape: ['n'] }
const Y = { name: 'y', type: float32, shape: ['n'] }

const good = (version: number): Graph => ({
  inputs: [X],
  outputs: [Y],
  nodes: [{ op: 'Add', inputs: ['x', 'offset'], outputs: ['y'] }],
  constants: [offset(version)],
})

/** Looks x up in a table of ten zeros. */
const failing = (version: number): Graph => ({
  inputs: [X],
  outputs: [Y],
  nodes: [
    { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: int64 } },
    { op: 'Gather', inputs: ['zeros', 'index'], outputs: ['zero'] },
    { op: 'Add', inputs: ['x', 'offset'], outputs: ['sum'] },
    { op: 'Add', inputs: ['sum', 'zero'], outputs: ['y'] },
  ],
  constants: [
    offset(version),
    { name: 'zeros', type: float32, shape: [10], data: new Float32Array(10) },
  ],
})

/** Goes round a loop that does nothing, x times. */
const slow = (version: number): Graph => ({
  inputs: [X],
  outputs: [Y],
  nodes: [
    { op: 'ReduceMax', inputs: ['x'], outputs: ['largest'], attributes: { keepdims: 0 } },
    { op: 'Cast', inputs: ['largest'], outputs: ['times'], attributes: { to: int64 } },
    { op: 'Add', inputs: ['x', 'offset'], outputs: ['sum'] },
    {
      op: 'Loop',
      inputs: ['times', '', 'sum'],
      outputs: ['y'],
      attributes: {
        body: {
          inputs: [
            { name: 'round', type: int64, shape: [] },
            { name: 'before', type: bool, shape: [] },
            { name: 'kept', type: float32, shape: ['n'] },
          ],
          outputs: [
            { name: 'after', type: bool, shape: [] },
            { name: 'given', type: float32, shape: ['n'] },
          ],
          nodes: [
            { op: 'Identity', inputs: ['before'], outputs: ['after'] },
            { op: 'Identity', inputs: ['kept'], outputs: ['given'] },
          ],
        },
      },
    },
  ],
  constants: [offset(version)],
})

let root: string
let running: RunningServer

const setChampion = (version: number) =>
  writeFile(join(root, 'sums', 'aliases.yaml'), `champion: ${version}\n`)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'baton-probation-'))
  for (const [i, graph] of [good, failing, slow, good].entries()) {
    writeVersion(join(root, 'sums', String(i + 1)), graph(i + 1))
  }
  await setChampion(1)
  running = await RunningServer.start({
    MLFLOW_REGISTRY_URI: root,
    MODEL_NAME: 'sums',
    BATON_TRIAL: 'off',
  })
})

afterEach(async () => {
  await running.server.stop()
  await rm(root, { recursive: true })
})

/** What the clients saw. */
class Traffic {
  x = 3
  stopped = false
  /** Answers by version. */
  readonly right = new Map<string, number>()
  readonly wrong: string[] = []
  /** Errors by version. */
  readonly failed = new Map<string, number>()

  /** Asks until it is stopped; once the new version has been seen, for what it has never been asked. */
  async client(newVersion: string): Promise<void> {
    while (!this.stopped) {
      const { x } = this
      const response = await running.post('/invocations', { inputs: { x: [x] } })
      const version = response.headers.get('x-model-version') ?? 'none'
      const text = await response.text()
      if (version === newVersion) this.x = LARGE
      if (response.status !== 200) add(this.failed, version)
      else if (JSON.parse(text).predictions.y[0] === x + Number(version)) add(this.right, version)
      else this.wrong.push(`${x} to version ${version}: ${text}`)
    }
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

async function status() {
  const response = await fetch(`${running.url}/models/sums`)
  return (await response.json()) as {
    refs: { serving: string }[]
    versions: { version: string; state: string; failure?: { held: boolean; message: string } }[]
    registry: { last_contact_at: string }
  }
}

const waitFor = (check: () => Promise<void> | void) =>
  vi.waitFor(check, { timeout: 20_000, interval: 20 })

describe('a version that passes every check and turns out bad on live requests', () => {
  it.each([
    [2, 'fails', /^Taken back: \d+ of \d+ requests failed \(MODEL_FAILED \d+\)/],
    [3, 'is far slower', /^Taken back: its runs take \S+ ms/],
  ])(
    'version %i, which %s, is taken back, and nothing else is lost',
    async (bad, _, reason) => {
      const traffic = new Traffic()
      const clients = Array.from({ length: 4 }, () => traffic.client(String(bad)))
      await waitFor(() => expect(traffic.right.get('1')).toBeGreaterThan(50))
      await setChampion(bad)
      await waitFor(async () => {
        expect(await status()).toMatchObject({
          refs: [
            { serving: '1', desired: String(bad), why: expect.stringContaining('taken back') },
          ],
          versions: [
            { version: '1', state: 'ready' },
            {
              version: String(bad),
              state: 'failed',
              failure: { held: true, stage: 'ready', message: expect.stringMatching(reason) },
            },
          ],
        })
      })
      expect(await (await fetch(`${running.url}/metrics`)).text()).toContain(
        'baton_versions_taken_back_total{model="sums"} 1',
      )

      // It is wanted still, and polls go on: it is not tried again.
      const { last_contact_at: before } = (await status()).registry
      const answered = traffic.right.get('1') ?? 0
      await waitFor(async () => {
        expect(Date.parse((await status()).registry.last_contact_at)).toBeGreaterThan(
          Date.parse(before) + 300,
        )
        expect(traffic.right.get('1')).toBeGreaterThan(answered + 50)
      })
      expect((await status()).refs[0]?.serving).toBe('1')

      await setChampion(4)
      await waitFor(() => expect(traffic.right.get('4')).toBeGreaterThan(20))
      traffic.stopped = true
      await Promise.all(clients)
      expect(traffic.wrong).toEqual([])
      expect([...traffic.failed.keys()].filter((version) => version !== String(bad))).toEqual([])
      const failed = traffic.failed.get(String(bad)) ?? 0
      if (bad === 2) expect(failed + (traffic.right.get('2') ?? 0)).toBeGreaterThanOrEqual(20)
      else expect(failed).toBe(0)
      expect((await status()).refs[0]?.serving).toBe('4')
    },
    60_000,
  )
})
