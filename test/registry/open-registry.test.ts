import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseModelUri } from '../../src/model/model-uri.ts'
import { openRegistry } from '../../src/registry/open-registry.ts'
import { FakeMlflow } from './fake-mlflow.ts'
import { ModelTree } from './model-tree.ts'

const connection = (uri: string) => ({ uri })
const { signal } = new AbortController()
let tree: ModelTree

beforeEach(async () => {
  tree = await ModelTree.make()
  await tree.addVersion('iris', '1')
})

afterEach(() => tree.remove('.'))

describe('openRegistry', () => {
  it.each([
    ['a path', (root: string) => root],
    ['a file URL', (root: string) => pathToFileURL(root).href],
    ['file: and a path', (root: string) => `file:${root}`],
  ])('reads a folder by %s', async (_what, uri) => {
    const { registry, kind } = openRegistry({ uri: uri(tree.root), connection })
    expect([kind, registry.location]).toEqual(['folder', tree.root])
    expect(await registry.listModels?.(signal)).toEqual([{ kind: 'latest', name: 'iris' }])
  })

  it('reads an MLflow server by URL, and its runs from the tracking server', async () => {
    const [models, runs] = [new FakeMlflow(), new FakeMlflow()]
    const servers = await Promise.all([models.start(), runs.start()])
    const [{ url: uri }, { url: trackingUri }] = servers
    runs.runs.set('r1', { experimentId: '1', uri: 's3://bucket/r1' })
    models.addVersion('churn', '1', 's3://bucket/1')
    const open = openRegistry({ uri, trackingUri, connection })
    const refs = [parseModelUri('models:/churn/1'), parseModelUri('runs:/r1/model')]
    expect(open.registry.location).toBe(uri)
    expect(await open.registry.resolve(refs, signal)).toMatchObject([
      { source: 's3://bucket/1' },
      { source: 's3://bucket/r1/model' },
    ])
    await open.close()
    await Promise.all(servers.map((server) => server.stop()))
  })

  it.each(['databricks', 'databricks://profile', 'sqlite:///mlflow.db', 'postgresql://u:pw@h/db'])(
    'refuses %s and says what to do',
    (uri) => {
      expect(() => openRegistry({ uri, connection })).toThrow(/mlflow server.*MLFLOW_TRACKING_URI/)
      expect(() => openRegistry({ uri, connection })).not.toThrow(/pw/)
    },
  )
})
