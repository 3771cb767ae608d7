import { describe, expect, it } from 'vitest'
import { describeSource } from '../../src/artifacts/artifact-uri.ts'
import { LocalStore } from '../../src/artifacts/local-store.ts'
import { ProxyStore } from '../../src/artifacts/proxy/proxy-store.ts'
import { S3Store } from '../../src/artifacts/s3/s3-store.ts'
import { ArtifactStores } from '../../src/artifacts/stores.ts'
import { systemClock } from '../../src/clock.ts'

const stores = new ArtifactStores({ s3: {}, mlflow: undefined, clock: systemClock })

describe('the store of an artifact URI', () => {
  it.each([
    ['s3://b/p', S3Store],
    ['S3://b/p', S3Store],
    ['r2://b@a.r2.cloudflarestorage.com/p', S3Store],
    ['mlflow-artifacts:/p', ProxyStore],
    ['https://h/api/2.0/mlflow-artifacts/artifacts/p', ProxyStore],
    ['file:///p', LocalStore],
    ['/p', LocalStore],
    ['models/iris/1', LocalStore],
    ['C:\\models\\iris', LocalStore],
  ])('%s', (uri, store) => {
    expect(stores.storeFor(uri)).toBeInstanceOf(store)
  })

  it('is one for all URIs of its schemes', () => {
    expect(stores.storeFor('s3://a/b')).toBe(stores.storeFor('b2://a@b/c'))
  })

  it.each(['gs', 'wasbs', 'abfss', 'hdfs', 'sftp', 'ftp', 'dbfs'])(
    'there is none for %s',
    (scheme) => {
      expect(() => stores.storeFor(`${scheme}://user:hush@host/p`)).toThrowError(
        expect.objectContaining({
          code: 'MODEL_UNSUPPORTED',
          message: expect.stringMatching(
            new RegExp(`s3:.*got ${scheme}: \\(${scheme}://host/p\\)`),
          ),
        }),
      )
    },
  )
})

describe('a source in a message', () => {
  it.each([
    ['s3://b/p', 's3://b/p'],
    ['sftp://user:hush@host/p?q=1#f', 'sftp://host/p'],
    ['b2://bucket@host/p', 'b2://bucket@host/p'],
    ['/srv/models/iris', 'the local folder of the version'],
    ['file:///srv/models/iris', 'the local folder of the version'],
  ])('%s', (uri, shown) => {
    expect(describeSource(uri)).toBe(shown)
  })
})
