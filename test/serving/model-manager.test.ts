import { describe, expect, it } from 'vitest'
import { ManualServing, version } from './support/manual-serving.ts'

const v1 = version('iris', 1)
const v2 = version('iris', 2)

describe('ModelManager', () => {
  it('brings a version into service and answers with it', async () => {
    const serving = new ManualServing()
    await serving.set('iris', { champion: v1 })
    expect(serving.moves).toEqual([
      '1 resolving',
      '1 downloading',
      '1 loading',
      '1 warming',
      '1 ready',
    ])
    const lease = serving.manager.acquire({})
    expect(lease.model.contract).toEqual({ madeFor: '1' })
    const data = Float32Array.of(1, 2, 3, 4)
    const answer = await lease.model.predict({ x: { dtype: 'float32', shape: [2, 2], data } })
    lease.release()
    expect(answer.y).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(4, 8) })
  })

  it('swaps when the alias moves, then closes the old version', async () => {
    const serving = new ManualServing()
    await serving.set('iris', { champion: v1 })
    await serving.set('iris', { champion: v2 })
    expect(serving.serving('iris')).toBe('2')
    await serving.manager.settled()
    expect(serving.moves.slice(-2)).toEqual(['1 draining', '1 closed'])
    expect(serving.models.get(v1.source)?.unloaded).toBe(true)
    expect(serving.released).toEqual([v1.source])
  })
})
