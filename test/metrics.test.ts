import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ServingMetrics } from '../src/metrics.ts'

const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')

describe('docs/metrics.md', () => {
  it('has one row for each metric of ours, with its type, labels and help text', async () => {
    const metrics = await new ServingMetrics('0').registry.getMetricsAsJSON()
    const labels = (name: string) => {
      const metric = new ServingMetrics('0').registry.getSingleMetric(name) as unknown as {
        readonly labelNames: readonly string[]
      }
      return metric.labelNames.map((label) => `\`${label}\``).join(', ')
    }
    const expected = metrics
      .filter(({ name }) => name.startsWith('baton_'))
      .map(({ name, type, help }) => `| \`${name}\` | ${type} | ${labels(name)} | ${help} |`)
      .sort()
    const documented = page.split('\n').filter((line) => line.startsWith('| `baton_'))
    expect(documented.sort()).toEqual(expected)
  })
})

describe('the series of a version', () => {
  it('go on counting when the version is loaded again', async () => {
    const metrics = new ServingMetrics('0')
    metrics.version('churn', '1').answered('mlflow', 200)
    metrics.versionClosed('churn', '1')
    metrics.version('churn', '1').answered('mlflow', 200)
    expect(await metrics.registry.metrics()).toContain(
      'baton_requests_total{model="churn",version="1",protocol="mlflow",status="200"} 2',
    )
  })

  it('are dropped when many later versions of the model have closed', async () => {
    const metrics = new ServingMetrics('0')
    for (let version = 1; version <= 10; version += 1) {
      metrics.version('churn', String(version)).answered('mlflow', 200)
      metrics.versionClosed('churn', String(version))
    }
    metrics.version('other', '1').answered('mlflow', 200)
    const text = await metrics.registry.metrics()
    expect(text).not.toContain('version="2"')
    expect(text).toContain('{model="churn",version="3"')
    expect(text).toContain('{model="other",version="1"')
  })
})
