import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pinFile } from '../../../src/assembly/pins.ts'
import { ServingError } from '../../../src/errors.ts'
import { PinStore } from '../../../src/serving/pins/pin-store.ts'
import { PinnedRefs } from '../../../src/serving/pins/pinned-refs.ts'
import { ManualServing, version } from '../support/manual-serving.ts'

let folder: string
let file: string
let unreadable: string[]
let notKept: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'baton-pins-'))
  file = join(folder, 'state', 'pins.json')
  unreadable = []
  notKept = []
})

afterEach(() => rm(folder, { recursive: true }))

const DOWN = new ServingError('REGISTRY_UNAVAILABLE', 'the registry is down')
const said = (number: number) => [{ label: 'champion', resolution: version('churn', number) }]
const store = (registry = 'here') =>
  new PinStore({ file, registry, onUnreadable: (why) => unreadable.push(why) })

/** A server's pins and its manager, as after a start. */
async function start(serving = new ManualServing(), registry = 'here') {
  const { manager, clock } = serving
  const onNotKept = (why: string) => notKept.push(why)
  const pins = new PinnedRefs({ sink: manager, store: store(registry), clock, onNotKept })
  await pins.load()
  pins.declare('churn', ['champion'])
  return { serving, pins }
}

const pin = (number: number) => ({
  model: 'churn',
  ref: 'champion',
  version: version('churn', number),
  by: 'alice',
})
const status = (serving: ManualServing) => serving.manager.modelStatus('churn').refs[0]

describe('a pinned reference', () => {
  it('serves its version whatever the registry says, and shows what that is', async () => {
    const { serving, pins } = await start()
    pins.setDesired('churn', said(1))
    await pins.reconcile()
    await pins.pin(pin(1))
    pins.setDesired('churn', said(2))
    await pins.reconcile()
    expect(serving.serving('churn')).toBe('1')
    expect(status(serving)?.pinned).toEqual({
      version: '1',
      since: new Date(serving.clock.now()).toISOString(),
      by: 'alice',
      registryVersion: '2',
    })
    pins.setDesired('churn', [{ label: 'champion', resolution: DOWN }])
    expect(status(serving)?.pinned?.registryVersion).toBe('2')
    pins.setDesired('churn', [
      { label: 'champion', resolution: new ServingError('ALIAS_NOT_FOUND', 'no such alias') },
    ])
    expect(status(serving)?.pinned?.registryVersion).toBeUndefined()
  })

  it('tells once that it is pinned, and once that it is not', async () => {
    const { serving, pins } = await start()
    pins.setDesired('churn', said(1))
    await pins.reconcile()
    await pins.pin(pin(2))
    await pins.reconcile()
    for (let poll = 0; poll < 3; poll += 1) pins.setDesired('churn', said(1))
    expect(await pins.unpin('churn')).toEqual({ refs: ['champion'], kept: true })
    await pins.reconcile()
    expect(serving.serving('churn')).toBe('1')
    expect(serving.seen('pin').map(({ action, version: number }) => `${action} ${number}`)).toEqual(
      ['pinned 2', 'unpinned 2'],
    )
    expect(await pins.unpin('churn')).toEqual({ refs: [], kept: true })
  })

  it('is loaded after a restart though the registry does not answer', async () => {
    const before = await start()
    before.pins.setDesired('churn', said(1))
    await before.pins.pin(pin(2))
    const after = await start()
    await after.pins.reconcile()
    expect(after.serving.serving('churn')).toBe('2')
    after.pins.setDesired('churn', [{ label: 'champion', resolution: DOWN }])
    await after.pins.reconcile()
    expect(after.serving.serving('churn')).toBe('2')
    // What it was stays until the registry says something.
    await after.pins.unpin('churn')
    await after.pins.reconcile()
    expect(after.serving.serving('churn')).toBe('2')
    after.pins.setDesired('churn', said(1))
    await after.pins.reconcile()
    expect(after.serving.serving('churn')).toBe('1')
  })
})

describe('the file', () => {
  it('is for its owner alone, and nothing is left beside it', async () => {
    const { pins } = await start()
    await pins.pin(pin(1))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(folder, 'state'))).toEqual(['pins.json'])
  })

  it('keeps the pins of another registry', async () => {
    await (await start()).pins.pin(pin(1))
    const other = await start(new ManualServing(), 'there')
    await other.pins.reconcile()
    expect(() => other.serving.serving('churn')).toThrow()
    await other.pins.pin(pin(3))
    const again = await start()
    await again.pins.reconcile()
    expect(again.serving.serving('churn')).toBe('1')
  })

  it.each([
    ['', 'JSON'],
    ['{"format": 2, "pins": []}', 'format'],
    ['{"format": 1, "pins": [7]}', 'object'],
    ['{"format": 1, "pins": [{"registry": "here", "model": "churn"}]}', 'version'],
  ])('%j is one warning and no pins, and the next pin mends it', async (text, why) => {
    await (await start()).pins.pin(pin(1))
    await writeFile(file, text)
    const { pins } = await start()
    expect(unreadable).toEqual([expect.stringContaining(why)])
    expect(await pins.pin(pin(1))).toBe(true)
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      pins: [{ registry: 'here', model: 'churn', version: { version: '1' } }],
    })
  })

  it('that cannot be written leaves the pin in force until the end', async () => {
    await writeFile(join(folder, 'state'), 'a file where the folder should be')
    const { serving, pins } = await start()
    pins.setDesired('churn', said(1))
    await pins.reconcile()
    expect(await pins.pin(pin(2))).toBe(false)
    await pins.reconcile()
    expect(serving.serving('churn')).toBe('2')
    expect(notKept).toEqual([expect.stringContaining('--state-file')])
  })
})

describe('where it lies', () => {
  it('differs by port and registry, so that servers share a cache folder', () => {
    const at = (port: number, registry: string) =>
      pinFile({ stateFile: undefined, port }, '/cache', registry)
    expect(at(8080, 'a')).toMatch(/^\/cache\/\.pins\/.+-8080-[0-9a-f]{8}\.json$/)
    expect(new Set([at(8080, 'a'), at(8081, 'a'), at(8080, 'b')]).size).toBe(3)
  })

  it('is where a person says; a server on any free port has no name of its own', () => {
    expect(pinFile({ stateFile: '/state.json', port: 0 }, '/cache', 'a')).toBe('/state.json')
    expect(pinFile({ stateFile: undefined, port: 0 }, '/cache', 'a')).toBeUndefined()
  })
})
