import { describe, expect, it } from 'vitest'
import { oneRow, servingV1, v1, v2 } from './support/iris.ts'
import { ManualServing } from './support/manual-serving.ts'

describe('what can be seen', () => {
  it('tells what serves, since when and why, and what happened', async () => {
    const serving = await servingV1()
    serving.clock.advance(60_000)
    await serving.set('iris', { champion: v2 })
    await serving.manager.settled()
    const status = serving.manager.modelStatus('iris')
    expect(status).toMatchObject({
      name: 'iris',
      ready: true,
      refs: [
        {
          ref: 'champion',
          serving: '2',
          desired: '2',
          since: '2026-01-01T00:01:00.000Z',
          why: 'moved from version 1 to 2',
        },
      ],
      versions: [
        {
          version: '2',
          state: 'ready',
          leases: 0,
          engine: 'row-sum',
          artifactBytes: 10,
          batching: { enabled: true, reason: undefined },
        },
      ],
    })
    expect(status.events.map(({ version: number, text }) => `${number} ${text}`)).toEqual([
      '1 resolving: wanted by "champion"',
      '1 downloading: its turn to load',
      '1 loading: files are on disk',
      '1 warming: loaded',
      '1 ready: loaded and checked',
      '1 swapped (none to 1): first version loaded',
      '2 resolving: wanted by "champion"',
      '2 downloading: its turn to load',
      '2 loading: files are on disk',
      '2 warming: loaded',
      '2 ready: loaded and checked',
      '2 swapped (1 to 2): moved from version 1 to 2',
      '1 draining: no longer wanted',
      '1 drained in 0 ms, 0 requests cut',
      '1 closed: unloaded',
    ])
  })

  it('keeps the last hundred events only', async () => {
    const serving = new ManualServing()
    for (let n = 0; n < 30; n += 1) await serving.set('iris', { champion: n % 2 ? v1 : v2 })
    expect(serving.manager.modelStatus('iris').events).toHaveLength(100)
  })

  it('shows the progress of a download', async () => {
    const serving = new ManualServing()
    const held = serving.downloads.hold(v1.source)
    const done = serving.set('iris', { champion: v1 })
    await held.begun
    const progress = { files: 1, filesDone: 0, bytes: 10, bytesDone: 0 }
    expect(serving.manager.modelStatus('iris').versions[0]).toMatchObject({
      state: 'downloading',
      download: progress,
    })
    expect(serving.seen('download')).toEqual([{ model: 'iris', version: '1', progress }])
    held.finish()
    await done
  })

  it('tells how long each state lasted', async () => {
    const serving = new ManualServing()
    const held = serving.downloads.hold(v1.source)
    const done = serving.set('iris', { champion: v1 })
    await held.begun
    serving.clock.advance(250)
    held.finish()
    await done
    expect(serving.seen('version').find(({ state }) => state === 'loading')).toMatchObject({
      from: 'downloading',
      durationMs: 250,
    })
    expect(serving.seen('swap')).toMatchObject([{ durationMs: 250 }])
  })

  it('goes on when a listener throws, and hears what a listener sets', async () => {
    const serving = new ManualServing()
    serving.events.on('swap', () => {
      throw new Error('a listener broke')
    })
    const stop = serving.events.on('swap', ({ to }) => {
      if (to === '1') void serving.set('iris', { champion: v2 })
    })
    await serving.set('iris', { champion: v1 })
    expect(serving.serving('iris')).toBe('2')
    expect(serving.listenerErrors).toHaveLength(2)
    stop()
  })

  it('announces batches with their model and version', async () => {
    const serving = await servingV1()
    const lease = serving.manager.acquire({})
    await Promise.all([lease.model.predict(oneRow()), lease.model.predict(oneRow())])
    lease.release()
    expect(serving.seen('batch')).toMatchObject([
      { model: 'iris', version: '1', requests: 2, rows: 2, reason: 'idle-worker' },
    ])
  })
})
