import { cp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Backend,
  type Environment,
  freePort,
  REPOSITORY,
  temporaryFolder,
  whyNotHere,
} from './support/backends.ts'
import { Baton, runBaton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'
import { MlflowServer } from './support/mlflow.ts'

const AFFINE = path.join(REPOSITORY, 'test/fixtures/models/affine-1')
const BODY = { inputs: { x: [[0, 1, 2, 3]] } }
/** An address at which nothing listens. */
const NOBODY = `http://127.0.0.1:${await freePort()}`
/** A line of a stack trace, in text or inside JSON. */
const STACK = /(^|\\n)\s+at \S+.*:\d+:\d+/m

describe('wrong usage', () => {
  test('an unknown flag: status 2, and the flag is named', async () => {
    const { status, output } = await runBaton(['serve', '--modle-uri', 'models:/m@champion'])
    expect(output).toContain("unknown option '--modle-uri'")
    expect(output).not.toMatch(STACK)
    expect(status).toBe(2)
  })

  test('two wrong settings: status 2, and both are named, each by flag and variable', async () => {
    const { status, output } = await runBaton(['serve', '--workers', 'many'], {
      BATON_POLL_INTERVAL: 'often',
    })
    expect(output).toContain('2 mistakes')
    expect(output).toMatch(/--workers \/ BATON_WORKERS.*received "many"/)
    expect(output).toMatch(/--poll-interval \/ BATON_POLL_INTERVAL.*received "often"/)
    expect(output).not.toMatch(STACK)
    expect(status).toBe(2)
  })

  test('a port in use: status 1, and the port is named', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const port = String((other.address() as AddressInfo).port)
    const args = ['serve', '--registry-uri', path.join(REPOSITORY, 'models'), '--port', port]
    const { status, output } = await runBaton(args)
    other.close()
    expect(output).toContain(`Another program listens on 127.0.0.1:${port}`)
    expect(output).toContain('--port')
    expect(output).not.toMatch(STACK)
    expect(status).toBe(1)
  })
})

describe.skipIf(whyNotHere('mlflow.sh', 's3.sh', 'register.py'))('what a registry may hold', () => {
  const cleanup = new Cleanup()
  let env: Environment
  let baton: Baton

  beforeAll(async () => {
    const bucket = cleanup.add(await Backend.start('s3.sh'), (it) => it.remove())
    const words = ['sqlite', 's3', 'direct', 'auth']
    const mlflow = cleanup.add(await MlflowServer.start(words, bucket.env), (it) => it.remove())
    const scratch = cleanup.add(await temporaryFolder('models'), (it) =>
      rm(it, { recursive: true }),
    )
    await cp(AFFINE, path.join(scratch, 'corrupt'), { recursive: true })
    await writeFile(path.join(scratch, 'corrupt/model.onnx'), 'this is no ONNX file')
    await cp(AFFINE, path.join(scratch, 'no-mlmodel'), { recursive: true })
    await rm(path.join(scratch, 'no-mlmodel/MLmodel'))
    await mlflow.registerFolders({
      affine: AFFINE,
      corrupt: path.join(scratch, 'corrupt'),
      'no-mlmodel': path.join(scratch, 'no-mlmodel'),
    })
    await mlflow.registerSklearn('pickled')
    await mlflow.registerSource('no-bucket', 's3://there-is-no-such-bucket/model')
    await mlflow.registerSource('no-key', `s3://${bucket.env.S3_BUCKET}/nothing/here`)
    env = { ...mlflow.clientEnv, ...bucket.env }
    const MODEL_URI = [
      'models:/affine/1',
      'models:/affine@nobody',
      'models:/nothing@champion',
      ...['corrupt', 'no-mlmodel', 'pickled', 'no-bucket', 'no-key'].map((it) => `models:/${it}/1`),
    ].join(' ')
    baton = cleanup.add(await Baton.spawn({ env: { ...env, MODEL_URI } }), (it) => it.remove())
  })
  afterAll(() => cleanup.run())

  test('a sound model answers beside broken ones, and the server says that it is not ready', async () => {
    await eventually(
      'an answer',
      async () => (await baton.predict(BODY, 'affine')).status === 200 || undefined,
    )
    const response = await fetch(`${baton.url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('pickled')
  })

  test.each([
    ['an unknown model', 'nothing', /No registered model "nothing"/],
    ['an alias that is not set', 'affine@nobody', /alias "nobody"/i],
    ['a bucket that does not exist', 'no-bucket', /bucket.*there-is-no-such-bucket/i],
    ['a key without files', 'no-key', /MLmodel/],
    ['a folder without MLmodel', 'no-mlmodel', /MLmodel/],
    ['a scikit-learn pickle, with the way to ONNX', 'pickled', /saved as sklearn.*skl2onnx/],
    [
      'a corrupt ONNX file',
      'corrupt',
      /ONNX Runtime cannot load this model: Protobuf parsing failed/,
    ],
  ])('%s', async (_, name, message) => {
    const { text, status } = await eventually(
      'the reason',
      async () => {
        const answer = await baton.predict(BODY, name)
        expect((JSON.parse(answer.text) as { message: string }).message).toMatch(message)
        return answer
      },
      10_000,
    )
    expect(status).toBeGreaterThanOrEqual(400)
    expect(JSON.parse(text)).toMatchObject({
      error_code: expect.any(String),
      message: expect.any(String),
    })
    expect(text).not.toMatch(STACK)
    expect(baton.output.replaceAll('\\"', '"')).toMatch(message)
    expect(baton.output).not.toMatch(STACK)
  })

  test.each([
    ['an unknown model', 'models:/nothing@champion', {}, /No registered model "nothing"/],
    ['an alias that is not set', 'models:/affine@nobody', {}, /alias "nobody"/i],
    ['a malformed URI', 'models:/affine@', {}, /models:\/affine@/],
    [
      'a registry that is not there',
      'models:/affine/1',
      { MLFLOW_TRACKING_URI: NOBODY },
      /refused the connection.*MLFLOW_TRACKING_URI/,
    ],
    [
      'a wrong password of MLflow',
      'models:/affine/1',
      { MLFLOW_TRACKING_PASSWORD: 'wrong' },
      /401.*MLFLOW_TRACKING_PASSWORD/,
    ],
    [
      'no password of MLflow',
      'models:/affine/1',
      { MLFLOW_TRACKING_USERNAME: '', MLFLOW_TRACKING_PASSWORD: '' },
      /401.*MLFLOW_TRACKING_PASSWORD/,
    ],
    [
      'a wrong S3 secret',
      'models:/affine/1',
      { AWS_SECRET_ACCESS_KEY: 'wrong' },
      /AWS_SECRET_ACCESS_KEY/,
    ],
    ['a wrong S3 key', 'models:/affine/1', { AWS_ACCESS_KEY_ID: 'wrong' }, /AWS_ACCESS_KEY_ID/],
    [
      'an S3 server that is not there',
      'models:/affine/1',
      { MLFLOW_S3_ENDPOINT_URL: NOBODY },
      /refused the connection.*MLFLOW_S3_ENDPOINT_URL/,
    ],
    ['a bucket that does not exist', 'models:/no-bucket/1', {}, /there-is-no-such-bucket/],
    ['a folder without MLmodel', 'models:/no-mlmodel/1', {}, /MLmodel/],
  ])('baton pull ends with status 1 and the reason: %s', async (_, uri, wrong, message) => {
    const { status, output } = await runBaton(['pull', uri], { ...env, ...wrong })
    expect(output).toMatch(message)
    expect(output).not.toMatch(STACK)
    expect(status).toBe(1)
  })

  test('baton pull brings the files of a sound version, and baton resolve says where they are', async () => {
    expect(await runBaton(['pull', 'models:/affine/1'], env)).toMatchObject({ status: 0 })
    const { status, output } = await runBaton(['resolve', 'models:/affine/1'], env)
    expect(output).toContain('s3://')
    expect(status).toBe(0)
  })
})
