import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ServingError } from '../../src/errors.ts'
import {
  formatModelRef,
  isFollowed,
  type ModelRef,
  parseModelUri,
  refLabel,
  servedName,
} from '../../src/model/model-uri.ts'

const ID = 'm-0123456789abcdef0123456789abcdef'

describe('parseModelUri', () => {
  const forms: [string, ModelRef][] = [
    ['models:/churn/3', { kind: 'version', name: 'churn', version: '3' }],
    ['models:/churn/01', { kind: 'version', name: 'churn', version: '01' }],
    ['models:/churn@champion', { kind: 'alias', name: 'churn', alias: 'champion' }],
    ['models:/a@b@champion', { kind: 'alias', name: 'a@b', alias: 'champion' }],
    ['models:/a@b/2', { kind: 'version', name: 'a@b', version: '2' }],
    ['models:/churn/latest', { kind: 'latest', name: 'churn' }],
    ['models:/churn/LaTeSt', { kind: 'latest', name: 'churn' }],
    ['models:/churn@Latest', { kind: 'latest', name: 'churn' }],
    ['models:/churn/production', { kind: 'stage', name: 'churn', stage: 'Production' }],
    ['models:/churn/None', { kind: 'stage', name: 'churn', stage: 'None' }],
    ['models:/two words/1', { kind: 'version', name: 'two words', version: '1' }],
    ['models:/100%25/1', { kind: 'version', name: '100%25', version: '1' }],
    ['models:/churn/1?x=y', { kind: 'version', name: 'churn', version: '1' }],
    ['models:/any-text ?x', { kind: 'model-id', modelId: 'any-text' }],
    ['runs:/abc/model #x', { kind: 'run', runId: 'abc', path: 'model' }],
    ['models:/a#b/1', { kind: 'version', name: 'a#b', version: '1' }],
    ['models:///churn/1', { kind: 'version', name: 'churn', version: '1' }],
    ['MODELS:/churn/1', { kind: 'version', name: 'churn', version: '1' }],
    ['  models:/churn/1\n', { kind: 'version', name: 'churn', version: '1' }],
    [`models:/${ID}`, { kind: 'model-id', modelId: ID }],
    ['models:/any-text', { kind: 'model-id', modelId: 'any-text' }],
    ['models:/m-churn/Production', { kind: 'stage', name: 'm-churn', stage: 'Production' }],
    ['runs:/abc/model', { kind: 'run', runId: 'abc', path: 'model' }],
    ['runs:/abc/deep//model/', { kind: 'run', runId: 'abc', path: 'deep/model' }],
    ['s3://bucket/a/b', { kind: 'artifact', uri: 's3://bucket/a/b' }],
    ['mlflow-artifacts:/1/m', { kind: 'artifact', uri: 'mlflow-artifacts:/1/m' }],
    ['file:///srv/models/churn', { kind: 'artifact', uri: 'file:///srv/models/churn' }],
    ['./models/churn/1', { kind: 'artifact', uri: './models/churn/1' }],
    ['/srv/a:b', { kind: 'artifact', uri: '/srv/a:b' }],
  ]
  it.each(forms)('reads %j', (uri, ref) => {
    expect(parseModelUri(uri)).toEqual(ref)
  })

  const refusals: [string, RegExp][] = [
    ['', /expected models:\/<name>@<alias>/],
    ['models:', /slash after the colon/],
    ['models:/', /a model name/],
    ['models:churn/1', /slash after the colon/],
    ['models:/ /1', /a model name/],
    ['models:/churn/', /expected a version number, latest or a stage .* got ""/],
    ['models:/churn/champion', /got "champion"; an alias is written models:\/churn@<alias>/],
    ['models:/churn@', /expected an alias .* got ""/],
    ['models:/churn@no.dots', /got "no\.dots"/],
    [`models:/churn@${'x'.repeat(256)}`, /1 to 255/],
    ['models:/@champion', /a model name before @/],
    ['models:/churn/1/sub', /a path below one/],
    ['models:/churn@champion/sub', /expected a version number/],
    [`models:/${ID}/sub`, /a path below one/],
    ['models://profile/churn/1', /Databricks/],
    ['runs:/', /expected runs:\/<run id>\/<path/],
    ['runs:/abc', /expected runs:\/<run id>\/<path/],
    ['runs:/abc/../other/model', /without \. and \.\./],
    ['runs:abc/model', /slash after the colon/],
  ]
  it.each(refusals)('refuses %j and says what it expected', (uri, message) => {
    expect(() => parseModelUri(uri)).toThrow(ServingError)
    expect(() => parseModelUri(uri)).toThrow(message)
    expect(() => parseModelUri(uri)).toThrow(`"${uri}"`)
  })

  it('reads back what formatModelRef writes, for any reference', () => {
    fc.assert(
      fc.property(modelRef(), (ref) => {
        expect(parseModelUri(formatModelRef(ref))).toEqual(ref)
      }),
    )
  })

  it('gives a reference or MODEL_URI_INVALID for any text', () => {
    const rest = fc.string({ unit: fc.constantFrom(...'a1/@ ?#.%\n') })
    const text = fc.oneof(
      fc.string(),
      rest.map((tail) => `models:/${tail}`),
      rest.map((tail) => `runs:/${tail}`),
    )
    fc.assert(
      fc.property(text, (uri) => {
        try {
          const ref = parseModelUri(uri)
          if (ref.kind !== 'artifact') expect(parseModelUri(formatModelRef(ref))).toEqual(ref)
        } catch (error) {
          expect(error).toMatchObject({ code: 'MODEL_URI_INVALID' })
        }
      }),
    )
  })
})

describe('formatModelRef', () => {
  it('leaves a password out', () => {
    expect(formatModelRef(parseModelUri('ftp://me:secret@host/model'))).toBe('ftp://me@host/model')
  })
})

describe('servedName', () => {
  it.each([
    ['models:/churn@champion', 'churn'],
    ['models:/two words/latest', 'two words'],
    [`models:/${ID}`, ID],
    ['runs:/abc/deep/my model', 'my-model'],
    ['s3://bucket/models/churn/', 'churn'],
    ['s3://bucket', 'bucket'],
    ['./models/churn', 'churn'],
    ['../..', 'model'],
    ['file:///srv/größe', 'gr-e'],
  ])('of %j is %j', (uri, name) => {
    expect(servedName(parseModelUri(uri))).toBe(name)
  })

  it('needs no escaping in a URL where it is made up', () => {
    const uri = fc.webUrl().map((url) => url.replace(/^https?/, 's3'))
    fc.assert(
      fc.property(uri, (text) => {
        const name = servedName(parseModelUri(text))
        expect(name).not.toBe('')
        expect(encodeURIComponent(name)).toBe(name)
      }),
    )
  })
})

describe('refLabel and isFollowed', () => {
  it.each([
    ['models:/churn@champion', 'champion', true],
    ['models:/churn/latest', 'latest', true],
    ['models:/churn/staging', 'Staging', true],
    ['models:/churn/3', '3', false],
    [`models:/${ID}`, ID, false],
    ['runs:/abc/model', 'abc', false],
    ['s3://bucket/churn', 'artifact', false],
  ])('of %j are %j and %j', (uri, label, followed) => {
    const ref = parseModelUri(uri)
    expect([refLabel(ref), isFollowed(ref)]).toEqual([label, followed])
  })
})

function modelRef(): fc.Arbitrary<ModelRef> {
  const name = fc.stringMatching(/^[^/?@\s][^/?@]{0,20}[^/?@\s]$/)
  const id = fc.stringMatching(/^[a-z0-9-]{1,32}$/)
  const alias = fc.stringMatching(/^[\w-]{1,20}$/).filter((text) => text.toLowerCase() !== 'latest')
  return fc.oneof(
    fc.record({ kind: fc.constant('version' as const), name, version: fc.stringMatching(/^\d+$/) }),
    fc.record({ kind: fc.constant('alias' as const), name, alias }),
    fc.record({ kind: fc.constant('latest' as const), name }),
    fc.record({
      kind: fc.constant('stage' as const),
      name,
      stage: fc.constantFrom('None', 'Staging', 'Production', 'Archived'),
    }),
    fc.record({ kind: fc.constant('model-id' as const), modelId: id }),
    fc.record({
      kind: fc.constant('run' as const),
      runId: id,
      path: fc.stringMatching(/^[a-z]{1,5}(\/[a-z]{1,5}){0,3}$/),
    }),
    fc.record({
      kind: fc.constant('artifact' as const),
      uri: fc.stringMatching(/^s3:\/\/[a-z]{3,8}\/[\w/]{0,20}$/),
    }),
  )
}
