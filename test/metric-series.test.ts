import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { FastCounter, FastHistogram } from '../src/metric-series.ts'

const labelNames = ['model', 'version']
const one = { model: 'm', version: '1' }

describe('FastCounter', () => {
  it('is exposed with the value that its user left in the series', async () => {
    const registry = new Registry()
    const counter = new FastCounter({ name: 'n', help: 'h', labelNames, registers: [registry] })
    counter.series(one).value += 3
    expect(await registry.metrics()).toBe(
      '# HELP n h\n# TYPE n counter\nn{model="m",version="1"} 3\n',
    )
  })

  it('drops the series of a version', async () => {
    const registry = new Registry()
    const counter = new FastCounter({ name: 'n', help: 'h', labelNames, registers: [registry] })
    counter.series(one)
    counter.series({ model: 'm', version: '2' })
    counter.drop('m', '1')
    expect(await registry.metrics()).not.toContain('version="1"')
    expect(await registry.metrics()).toContain('version="2"')
  })
})

describe('FastHistogram', () => {
  it('has cumulative buckets with upper bounds included, sum and count', async () => {
    const registry = new Registry()
    const options = { name: 'n', help: 'h', labelNames, buckets: [1, 2], registers: [registry] }
    const series = new FastHistogram(options).series(one)
    for (const value of [0.5, 1, 1.5, 9]) series.observe(value)
    const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('n'))
    expect(lines.map((line) => line.replace('model="m",version="1",', ''))).toEqual([
      'n_bucket{le="1"} 2',
      'n_bucket{le="2"} 3',
      'n_bucket{le="+Inf"} 4',
      'n_sum{model="m",version="1"} 12',
      'n_count{model="m",version="1"} 4',
    ])
  })
})
