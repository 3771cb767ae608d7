import { describe, expect, it } from 'vitest'
import { parseConfigFile } from '../../src/config/config-file.ts'
import { type ConfigSources, readConfig } from '../../src/config/read-config.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import type { ServingError } from '../../src/errors.ts'

function read(sources: Partial<ConfigSources>) {
  return readConfig({ flags: {}, env: {}, file: undefined, ...sources })
}

function problems(sources: Partial<ConfigSources>): readonly string[] {
  try {
    read(sources)
  } catch (error) {
    return (error as ServingError).details.problems as readonly string[]
  }
  return []
}

const file = (text: string) => parseConfigFile('baton.yaml', text)

describe('where a setting comes from', () => {
  it('is its default when nobody says', () => {
    expect(read({})).toMatchObject({ host: '127.0.0.1', port: 8080, pollIntervalMs: 5000 })
  })

  it('is the flag before the environment before the file', () => {
    const env = { BATON_PORT: '2' }
    const yaml = file('port: 3')
    expect(read({ flags: { port: '1' }, env, file: yaml }).port).toBe(1)
    expect(read({ env, file: yaml }).port).toBe(2)
    expect(read({ file: yaml }).port).toBe(3)
  })

  it("is Baton's own variable before MLflow's", () => {
    expect(read({ env: { BATON_PORT: '1', PORT: '2', MLFLOW_PORT: '3' } }).port).toBe(1)
    expect(read({ env: { MLFLOW_PORT: '3' } }).port).toBe(3)
  })

  it('takes an empty variable for an unset one', () => {
    expect(read({ env: { BATON_PORT: '', PORT: '9' } }).port).toBe(9)
  })

  it('takes the registry before the tracking server', () => {
    const env = { MLFLOW_REGISTRY_URI: 'http://r', MLFLOW_TRACKING_URI: 'http://t' }
    expect(read({ env })).toMatchObject({ registryUri: 'http://r', trackingUri: 'http://t' })
  })
})

describe('models', () => {
  it('are those of the flag, before MODEL_URI, before MODEL_NAME', () => {
    const env = { MODEL_URI: 'models:/b@c', MODEL_NAME: 'n' }
    expect(read({ flags: { modelUris: ['models:/a/1', 'models:/b/2'] }, env }).modelUris).toEqual([
      'models:/a/1',
      'models:/b/2',
    ])
    expect(read({ env }).modelUris).toEqual(['models:/b@c'])
  })

  it('are MODEL_NAME at MODEL_ALIAS, champion unless given', () => {
    expect(read({ env: { MODEL_NAME: 'churn' } }).modelUris).toEqual(['models:/churn@champion'])
    expect(read({ env: { MODEL_NAME: 'churn', MODEL_ALIAS: 'next' } }).modelUris).toEqual([
      'models:/churn@next',
    ])
  })

  it('may have settings of their own in the file', () => {
    const yaml = file(`
registry: http://mlflow:5000
models:
  - uri: models:/iris@champion
    workers: 2
    batch: { maxRows: 16, maxDelay: 5ms }
    queue: { maxRows: 500, maxBytes: 8MiB }
`)
    expect(read({ file: yaml })).toMatchObject({
      registryUri: 'http://mlflow:5000',
      modelUris: ['models:/iris@champion'],
      modelEntries: [
        {
          workers: 2,
          batchMaxRows: 16,
          batchMaxDelayMs: 5,
          queueMaxRows: 500,
          queueMaxBytes: 8 * 2 ** 20,
        },
      ],
    })
  })
})

describe('probation', () => {
  it('is set for all models, and for one in the file, which says only what differs', () => {
    const env = { BATON_PROBATION: '2m', BATON_PROBATION_MAX_ERROR_RATE: '0.2' }
    const yaml = file(`
probationMinRequests: 50
models:
  - uri: models:/iris@champion
    probation: { duration: 0, latencyFloor: 5ms, maxLatencyRatio: 1.5 }
  - uri: models:/churn@champion
`)
    const config = read({ env, file: yaml })
    expect(config).toMatchObject({
      probationMs: 120_000,
      probationMinRequests: 50,
      probationMaxErrorRate: 0.2,
      probationMaxLatencyRatio: 3,
      probationLatencyFloorMs: 10,
      writeOutcomeTags: false,
    })
    expect(config.modelEntries.map(({ probation }) => probation)).toEqual([
      { durationMs: 0, latencyFloorMs: 5, maxLatencyRatio: 1.5 },
      {},
    ])
  })

  it('refuses shares beyond 1 and ratios below it', () => {
    const env = { BATON_PROBATION_MAX_ERROR_RATE: '5', BATON_PROBATION_MAX_LATENCY_RATIO: '0.5' }
    expect(problems({ env })).toEqual([
      expect.stringContaining('expected a number from 0 to 1, received "5"'),
      expect.stringContaining('expected a number from 1 up, received "0.5"'),
    ])
  })
})

describe('rehearsals', () => {
  it('are set for all models, and for one in the file, which says only what differs', () => {
    const env = { BATON_REHEARSAL_MAX_CHANGED: '0.1', BATON_REHEARSAL_ALLOW: 'random, shape' }
    const yaml = file(`
rehearsalRequests: 128
models:
  - uri: models:/iris@champion
    rehearsal: { requests: 0, timeout: 10s, maxDifference: 0.5, allow: [kind] }
  - uri: models:/churn@champion
`)
    const config = read({ env, file: yaml })
    expect(config).toMatchObject({
      rehearsalRequests: 128,
      rehearsalMaxErrors: 0,
      rehearsalMaxDifference: undefined,
      rehearsalMaxChanged: 0.1,
      rehearsalMaxLatencyRatio: 10,
      rehearsalAllow: ['random', 'shape'],
    })
    expect(config.modelEntries.map(({ rehearsal }) => rehearsal)).toEqual([
      { requests: 0, timeoutMs: 10_000, maxDifference: 0.5, allow: ['kind'] },
      {},
    ])
  })

  it('refuse shares beyond 1 and findings that nobody knows', () => {
    const env = { BATON_REHEARSAL_MAX_CHANGED: '1.5', BATON_REHEARSAL_ALLOW: 'anything' }
    expect(problems({ env })).toEqual([
      expect.stringContaining('expected a number from 0 to 1, received "1.5"'),
      expect.stringContaining(
        'expected one of nonfinite, shape, kind, random, constant, received "anything"',
      ),
    ])
  })
})

describe('mistakes', () => {
  it('are all named at once, each with its flag, its variables and what was received', () => {
    expect(problems({ env: { BATON_PORT: 'abc' }, flags: { pollIntervalMs: 'soon' } })).toEqual([
      '--port / BATON_PORT / PORT / MLFLOW_PORT: expected a whole number from 0 to 65535, received "abc" (from BATON_PORT)',
      '--poll-interval / BATON_POLL_INTERVAL: expected a duration of at least 50ms such as 250ms, 5s or 2m (a bare number is seconds), received "soon" (from --poll-interval)',
    ])
  })

  it('of the file have its name and the key', () => {
    expect(problems({ file: file('prot: 1\nmodels:\n  - {}') })).toEqual([
      expect.stringMatching(/^baton\.yaml: models\.0\.uri: /),
      expect.stringMatching(/^baton\.yaml: Unrecognized key: "prot"/),
    ])
  })

  it('of YAML say where they are', () => {
    expect(problems({ file: file('a: [1') })[0]).toMatch(/^baton\.yaml: expected YAML: .*line 1/)
  })

  it('between settings are found', () => {
    const env = {
      MLFLOW_TRACKING_INSECURE_TLS: 'true',
      MLFLOW_TRACKING_SERVER_CERT_PATH: 'ca.pem',
      MLFLOW_TRACKING_USERNAME: 'u',
      MODEL_ALIAS: 'champion',
    }
    expect(problems({ env })).toHaveLength(3)
  })
})

describe('the command line of mlflow models serve', () => {
  it('is taken, with the flags that mean nothing here listed', () => {
    const flags = { envManager: 'local', noConda: true, installMlflow: true }
    expect(read({ flags }).ignoredFlags).toEqual([
      '--env-manager',
      '--no-conda',
      '--install-mlflow',
    ])
  })
})

describe('the settings table', () => {
  it('names every flag once', () => {
    const flags = Object.values(SETTINGS).flatMap(({ flags }) => flags?.split(' <')[0] ?? [])
    expect(new Set(flags).size).toBe(flags.length)
  })
})
