import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import type { ModelVersion } from '../../src/interfaces.ts'
import { REGISTRY_FAILURES } from '../../src/mlflow/failures.ts'
import { MlflowHttp } from '../../src/mlflow/http.ts'
import { parseModelUri } from '../../src/model/model-uri.ts'
import { MlflowClient } from '../../src/registry/mlflow-client.ts'
import { MlflowRegistry } from '../../src/registry/mlflow-registry.ts'
import type { TestServer } from '../mlflow/test-server.ts'
import { FakeMlflow } from './fake-mlflow.ts'

const { signal } = new AbortController()
let mlflow: FakeMlflow
let server: TestServer
let registry: MlflowRegistry

beforeEach(async () => {
  mlflow = new FakeMlflow()
  server = await mlflow.start()
  const http = new MlflowHttp({ uri: server.url, token: 'hidden-token' }, REGISTRY_FAILURES)
  registry = new MlflowRegistry(new MlflowClient(http))
})

afterEach(() => server.stop())

function resolve(...uris: string[]) {
  return registry.resolve(uris.map(parseModelUri), signal)
}

async function resolveOne(uri: string): Promise<ModelVersion> {
  const [resolution] = await resolve(uri)
  if (resolution === undefined || resolution instanceof ServingError) throw resolution
  return resolution
}

/** The error of a reference, wherever it comes out. */
async function errorOf(uri: string): Promise<ServingError> {
  const [resolution] = await resolve(uri).catch((error: unknown) => [error])
  if (resolution instanceof ServingError) return resolution
  throw new Error(`expected a failure, got ${JSON.stringify(resolution)}`)
}

describe('a registered model', () => {
  beforeEach(() => {
    mlflow.addVersion('churn', '1', 's3://bucket/1', 'READY', 'Production')
    mlflow.addVersion('churn', '2', 's3://bucket/2', 'READY', 'Staging')
    mlflow.addVersion('churn', '10', 'mlflow-artifacts:/1/models/m-10/artifacts')
    mlflow.setAlias('churn', 'champion', '1')
    mlflow.setAlias('churn', 'challenger', '2')
  })

  it.each([
    ['models:/churn@champion', '1', 's3://bucket/1'],
    ['models:/churn@challenger', '2', 's3://bucket/2'],
    ['models:/churn/latest', '10', 'mlflow-artifacts:/1/models/m-10/artifacts'],
    ['models:/churn/production', '1', 's3://bucket/1'],
    ['models:/churn/None', '10', 'mlflow-artifacts:/1/models/m-10/artifacts'],
    ['models:/churn/2', '2', 's3://bucket/2'],
  ])('%s is version %s', async (uri, version, source) => {
    expect(await resolveOne(uri)).toMatchObject({ name: 'churn', version, source })
  })

  it('resolves references in their order, each with its own error', async () => {
    const resolutions = await resolve(
      'models:/churn@gone',
      'models:/churn/2',
      'models:/churn@champion',
      'models:/churn/99',
    )
    expect(resolutions).toMatchObject([
      { code: 'ALIAS_NOT_FOUND' },
      { version: '2' },
      { version: '1' },
      { code: 'VERSION_NOT_FOUND' },
    ])
  })

  it('is asked for by one call a poll, however many aliases are followed', async () => {
    const uris = ['models:/churn@champion', 'models:/churn@challenger', 'models:/churn/latest']
    await resolve(...uris)
    mlflow.takeCalls()
    await resolve(...uris)
    expect(mlflow.takeCalls()).toEqual(['GET /registered-models/get'])
  })

  it('needs no further call when an alias moves to a version known already', async () => {
    await resolve('models:/churn@champion', 'models:/churn@challenger')
    mlflow.setAlias('churn', 'champion', '2')
    mlflow.takeCalls()
    const resolutions = await resolve('models:/churn@champion', 'models:/churn@challenger')
    expect(resolutions).toMatchObject([{ version: '2' }, { version: '2' }])
    expect(mlflow.takeCalls()).toEqual(['GET /registered-models/get'])
  })

  it('asks for the files of a version once when two aliases meet there first', async () => {
    mlflow.setAlias('churn', 'challenger', '1')
    await resolve('models:/churn@champion', 'models:/churn@challenger')
    expect(mlflow.takeCalls().sort()).toEqual([
      'GET /model-versions/get-download-uri',
      'GET /registered-models/get',
    ])
  })

  it('keeps the identity of a version while it is the same', async () => {
    const before = await resolveOne('models:/churn@champion')
    mlflow.addVersion('churn', '11', 's3://bucket/11')
    expect(await resolveOne('models:/churn@champion')).toEqual(before)
  })

  it('notices a version registered again under its old number', async () => {
    const before = await resolveOne('models:/churn@champion')
    mlflow.deleteModel('churn')
    mlflow.addVersion('churn', '1', 's3://bucket/1')
    mlflow.setAlias('churn', 'champion', '1')
    const after = await resolveOne('models:/churn@champion')
    expect(after.version).toBe('1')
    expect(after.identity).not.toBe(before.identity)
  })

  it('notices at the next poll that a version was deleted', async () => {
    await resolveOne('models:/churn@champion')
    mlflow.deleteVersion('churn', '1', true)
    const error = await errorOf('models:/churn@champion')
    expect(error.code).toBe('VERSION_NOT_FOUND')
    expect(error.message).toMatch(/"champion" of model "churn" names version 1, which is not there/)
  })

  it('names the aliases there are', async () => {
    const error = await errorOf('models:/churn@Champion')
    expect(error.message).toBe(
      'Model "churn" has no alias "Champion"; its aliases are champion, challenger',
    )
  })

  it('says where a version, a stage or the model is missing', async () => {
    expect((await errorOf('models:/churn/99')).message).toMatch(/no version 99; its newest is 10/)
    expect((await errorOf('models:/churn/archived')).message).toMatch(/in stage Archived/)
    const missing = await errorOf('models:/nope@champion')
    expect(missing.code).toBe('MODEL_NOT_FOUND')
    expect(missing.message).toContain(`"nope" at ${server.url}`)
    expect((await errorOf('models:/nope/1')).code).toBe('MODEL_NOT_FOUND')
  })

  it('says that a model has no versions', async () => {
    mlflow.createModel('empty')
    expect((await errorOf('models:/empty/latest')).code).toBe('VERSION_NOT_FOUND')
    expect((await errorOf('models:/empty@x')).message).toMatch(/it has none/)
  })

  it.each(['PENDING_REGISTRATION', 'FAILED_REGISTRATION'])(
    'serves no version that is %s, and takes it once it is READY',
    async (status) => {
      mlflow.addVersion('churn', '12', 's3://bucket/12', status)
      const error = await errorOf('models:/churn/latest')
      expect(error.code).toBe('VERSION_NOT_READY')
      expect(error.message).toContain(status)
      mlflow.setStatus('churn', '12', 'READY')
      expect(await resolveOne('models:/churn/latest')).toMatchObject({ version: '12' })
    },
  )

  it('reaches a name that needs escaping', async () => {
    mlflow.addVersion('a b&c=d%20é', '1', 's3://bucket/odd')
    mlflow.setAlias('a b&c=d%20é', 'champion', '1')
    expect(await resolveOne('models:/a b&c=d%20é@champion')).toMatchObject({ version: '1' })
  })

  it.each([
    [500, 'REGISTRY_UNAVAILABLE'],
    [401, 'REGISTRY_DENIED'],
  ] as const)('fails as a whole when the registry answers %d', async (status, code) => {
    mlflow.override = (c) => c.text('', status)
    await expect(resolve('models:/churn@champion', 'models:/churn/2')).rejects.toMatchObject({
      code,
    })
  })

  it('keeps the other references when the files of one cannot be asked for', async () => {
    await resolve('models:/churn@champion')
    mlflow.override = (c, call) => (call.includes('download-uri') ? c.text('', 503) : undefined)
    expect(await resolve('models:/churn@champion', 'models:/churn@challenger')).toMatchObject([
      { version: '1' },
      { code: 'REGISTRY_UNAVAILABLE' },
    ])
  })

  it('takes JSON of another kind for no answer', async () => {
    mlflow.override = (c) => c.json({ registered_model: 'soon' })
    expect((await errorOf('models:/churn@champion')).message).toMatch(
      /Expected JSON .* JSON of another kind from \/registered-models\/get/,
    )
  })

  it('takes a server without these routes for no MLflow server', async () => {
    mlflow.override = (c) => c.html('<h1>Not Found</h1>', 404)
    expect((await errorOf('models:/churn@champion')).code).toBe('REGISTRY_UNAVAILABLE')
  })
})

describe('the place of the files', () => {
  it('is found through sources that name other models', async () => {
    mlflow.loggedModels.set('m-1', ready('m', 'r1', 's3://bucket/m-1'))
    mlflow.addVersion('original', '3', 'models:/m-1')
    mlflow.addVersion('copy', '1', 'models:/original/3')
    expect(await resolveOne('models:/copy/1')).toMatchObject({
      name: 'copy',
      version: '1',
      source: 's3://bucket/m-1',
    })
  })

  it('is not looked for in circles', async () => {
    mlflow.addVersion('a', '1', 'models:/b/1')
    mlflow.addVersion('b', '1', 'models:/a/1')
    const error = await errorOf('models:/a/1')
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toMatch(/from models:\/a\/1 to models:\/b\/1 to models:\/a\/1/)
  })

  it('is not looked for behind an endless row of copies', async () => {
    for (let version = 1; version <= 20; version++) {
      mlflow.addVersion('row', String(version), `models:/row/${version + 1}`)
    }
    expect((await errorOf('models:/row/1')).code).toBe('MODEL_INVALID')
  })

  it('is not looked for behind an alias, which may move', async () => {
    mlflow.addVersion('a', '1', 'models:/b@champion')
    expect((await errorOf('models:/a/1')).message).toMatch(/got models:\/b@champion/)
  })
})

describe('a logged model', () => {
  it('resolves by its id', async () => {
    mlflow.loggedModels.set('m-1', ready('model', 'r1', 'mlflow-artifacts:/1/models/m-1/artifacts'))
    expect(await resolveOne('models:/m-1')).toEqual({
      name: 'm-1',
      version: 'm-1',
      source: 'mlflow-artifacts:/1/models/m-1/artifacts',
      identity: 'm-1',
    })
  })

  it('that is unknown may be a registered name without an alias', async () => {
    const error = await errorOf('models:/churn')
    expect(error.code).toBe('MODEL_NOT_FOUND')
    expect(error.message).toMatch(/models:\/<name>@<alias>/)
  })

  it('that is still written is not ready', async () => {
    const pending = { ...ready('model', 'r1', 's3://b/x'), status: 'LOGGED_MODEL_PENDING' }
    mlflow.loggedModels.set('m-1', pending)
    expect((await errorOf('models:/m-1')).code).toBe('VERSION_NOT_READY')
  })

  it('lives on the tracking server where that is another one', async () => {
    const tracking = new FakeMlflow()
    const other = await tracking.start()
    tracking.loggedModels.set('m-1', ready('model', 'r1', 's3://bucket/m-1'))
    mlflow.addVersion('churn', '1', 'models:/m-1')
    const client = (uri: string) => new MlflowClient(new MlflowHttp({ uri }, REGISTRY_FAILURES))
    registry = new MlflowRegistry(client(server.url), client(other.url))
    expect(await resolveOne('models:/churn/1')).toMatchObject({ source: 's3://bucket/m-1' })
    await other.stop()
  })
})

describe('a run', () => {
  beforeEach(() => {
    mlflow.runs.set('r1', { experimentId: '1', uri: 'mlflow-artifacts:/1/r1/artifacts' })
  })

  it('gives the model it logged under the name', async () => {
    mlflow.loggedModels.set('m-1', ready('model', 'r1', 's3://bucket/m-1/artifacts'))
    mlflow.loggedModels.set('m-2', ready('model', 'r2', 's3://bucket/m-2/artifacts'))
    expect(await resolveOne('runs:/r1/model')).toMatchObject({
      name: 'model',
      version: 'r1',
      source: 's3://bucket/m-1/artifacts',
    })
  })

  it('gives a folder inside that model', async () => {
    mlflow.loggedModels.set('m-1', ready('model', 'r1', 's3://bucket/m-1/artifacts'))
    expect(await resolveOne('runs:/r1/model/part')).toMatchObject({
      source: 's3://bucket/m-1/artifacts/part',
    })
  })

  it('gives its own folder where it logged no such model', async () => {
    expect(await resolveOne('runs:/r1/deep/model')).toMatchObject({
      source: 'mlflow-artifacts:/1/r1/artifacts/deep/model',
    })
  })

  it('gives its own folder where the server is older than logged models', async () => {
    mlflow.hasLoggedModels = false
    expect(await resolveOne('runs:/r1/model')).toMatchObject({
      source: 'mlflow-artifacts:/1/r1/artifacts/model',
    })
  })

  it('that is unknown is not found', async () => {
    expect((await errorOf('runs:/r9/model')).code).toBe('MODEL_NOT_FOUND')
  })
})

describe('the URI of a folder', () => {
  it('is where the files are, without a call', async () => {
    expect(await resolveOne('s3://bucket/churn')).toMatchObject({
      name: 'churn',
      source: 's3://bucket/churn',
    })
    expect(mlflow.calls).toEqual([])
  })
})

function ready(name: string, runId: string, uri: string) {
  return { name, runId, uri, status: 'LOGGED_MODEL_READY' }
}
