import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  backendScript,
  command,
  REPOSITORY,
  temporaryFolder,
  whyNotHere,
} from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'

const SCRIPT = '../tfjs/get-libtensorflow.sh'
const SAVED_MODEL = path.join(REPOSITORY, 'test/fixtures/tfjs/saved-model')
const CLIENTS = 8

describe.skipIf(whyNotHere(SCRIPT))(
  'tfjs-node, installed against a libtensorflow of our own',
  () => {
    const cleanup = new Cleanup()
    let registry: string
    let baton: Baton

    beforeAll(async () => {
      const folder = cleanup.add(await temporaryFolder('tfjs-node'), (it) =>
        rm(it, { recursive: true }),
      )
      const app = await install(folder)
      registry = path.join(folder, 'models')
      for (const version of ['1', '2']) {
        await cp(SAVED_MODEL, path.join(registry, 'affine', version), { recursive: true })
      }
      await setChampion('1')
      const digits = path.join(REPOSITORY, 'models/optical-digits')
      await cp(digits, path.join(registry, 'optical-digits'), { recursive: true })
      const env = {
        MLFLOW_REGISTRY_URI: registry,
        BATON_TFJS_BACKEND: 'tfjs-node',
        BATON_WORKERS: '2',
        BATON_POLL_INTERVAL: '200ms',
      }
      const main = path.join(app, 'dist/cli/main.js')
      baton = cleanup.add(await Baton.start({ env, main }), (it) => it.remove())
    })
    afterAll(() => cleanup.run())

    /** This build of Baton with the optional package beside it. */
    async function install(folder: string): Promise<string> {
      const app = path.join(folder, 'app')
      const files = path.join(folder, 'cdn')
      await command('bash', [backendScript(SCRIPT), files])
      await mkdir(app)
      for (const name of ['package.json', 'dist', 'node_modules']) {
        await command('cp', ['-r', path.join(REPOSITORY, name), app])
      }
      const server = createServer((request, response) => {
        createReadStream(path.join(files, request.url ?? '')).pipe(response)
      }).listen(0, '127.0.0.1')
      cleanup.add(server, async (it) => void it.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const env = { ...process.env, TFJS_NODE_CDN_STORAGE: `http://127.0.0.1:${port}/` }
      // As an optional peer, which it is in package.json, npm would leave it out.
      await command('npm', ['install', '--save-prod', '@tensorflow/tfjs-node@4.22.0'], {
        cwd: app,
        env,
      })
      return app
    }

    function setChampion(version: string): Promise<void> {
      return writeFile(path.join(registry, 'affine/aliases.yaml'), `champion: ${version}\n`)
    }

    async function affine(): Promise<string | null> {
      const { status, text, version } = await baton.predict(
        { inputs: { x: [[0, 1, 2, 3]] } },
        'affine',
      )
      expect(status).toBe(200)
      const [row] = (JSON.parse(text) as { predictions: number[][] }).predictions
      expect(row).toEqual([expect.closeTo(2.4, 5), expect.closeTo(3, 5)])
      return version
    }

    test('runs a SavedModel and a graph-model, on two workers', async () => {
      expect(await affine()).toBe('1')
      const recorded = path.join(REPOSITORY, 'models/optical-digits/expected.json')
      const keras = JSON.parse(await readFile(recorded, 'utf8'))
      const { text } = await baton.predict({ inputs: keras.inputs }, 'optical-digits')
      const { predictions } = JSON.parse(text) as { predictions: number[][] }
      for (const [row, expected] of (keras.predictions as number[][]).entries()) {
        expect(predictions[row]).toEqual(expected.map((value) => expect.closeTo(value, 5)))
      }
      for (const model of ['affine', 'optical-digits']) {
        expect(
          await baton.metric('baton_backend_info', `model="${model}"`, 'backend="tfjs-node"'),
        ).toBe(1)
      }
      expect(await baton.metric('baton_workers')).toBe(2)
    })

    test('hands over under load, and keeps its threads', async () => {
      let over = false
      const versions = new Set<string | null>()
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (!over) versions.add(await affine())
      })
      await setChampion('2')
      await eventually('an answer from version 2', async () => versions.has('2') || undefined)
      over = true
      await Promise.all(clients)
      expect(await affine()).toBe('2')
      expect(await baton.metric('baton_workers')).toBe(2)
    })

    test('drains on SIGTERM and ends with status 0', async () => {
      expect(await baton.stop()).toEqual({ status: 0, signal: null })
    })
  },
)
