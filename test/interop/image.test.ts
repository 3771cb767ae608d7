import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Backend,
  backendScript,
  command,
  REPOSITORY,
  whyNotAsUser,
  whyNotHere,
} from './support/backends.ts'
import { Cleanup } from './support/cleanup.ts'
import { eventually } from './support/eventually.ts'

const skipped = whyNotHere('container.sh') ?? whyNotAsUser()
const IMAGE = 'localhost/baton-interop'
/** Where the limits of the machine are lower than podman's own, they cannot be raised. */
const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']
const PORT_INSIDE = '8080'
const IRIS = { inputs: [[5.1, 3.5, 1.4, 0.2]] }

const podman = (...args: readonly string[]) => command('podman', ['--runtime', 'runc', ...args])

/** A container of the image, run as the manifests run it: nothing but the volumes can be written. */
async function startContainer(
  cleanup: Cleanup,
): Promise<{ readonly url: string; readonly id: string }> {
  const likeThePod = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'all']
  const server = await Backend.start('container.sh', { words: [IMAGE, PORT_INSIDE, ...likeThePod] })
  cleanup.add(server, (it) => it.remove())
  await eventually('readiness', async () => (await fetch(`${server.url}/readyz`)).ok || undefined)
  return { url: server.url, id: server.env.CONTAINER_ID ?? '' }
}

function invoke(url: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/invocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(IRIS),
    ...(signal === undefined ? {} : { signal }),
  })
}

describe.skipIf(skipped)('the container image', () => {
  const cleanup = new Cleanup()
  let container: { readonly url: string; readonly id: string }

  beforeAll(async () => {
    await command(backendScript('container.sh'), ['build', IMAGE, REPOSITORY])
    container = await startContainer(cleanup)
  })
  afterAll(() => cleanup.run())

  test('serves the sample models when nothing is said', async () => {
    const response = await invoke(container.url)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-model-name')).toBe('iris-classifier')
    expect(await response.json()).toHaveProperty('predictions')
  })

  test('passes its own health check', async () => {
    await expect(podman('healthcheck', 'run', container.id)).resolves.toBeDefined()
  })

  test('is not root, and holds the native library of this platform alone', async () => {
    expect(await podman('exec', container.id, 'id', '-u')).toBe('1000')
    const native = '/app/node_modules/onnxruntime-node/bin/napi-v6'
    const found = await podman('exec', container.id, 'sh', '-c', `cd ${native} && echo */*`)
    expect(found).toBe(`linux/${process.arch}`)
  })

  test('holds no development dependency and no source', async () => {
    const found = await podman('exec', container.id, 'ls', '/app', '/app/node_modules')
    expect(found).toContain('onnxruntime-node')
    expect(found).not.toMatch(/^(typescript|vitest|src|test)$/m)
  })

  test('runs the other commands too', async () => {
    expect(await podman('run', '--rm', ...LIMITS, IMAGE, '--version')).toBe(
      JSON.parse(await readFile(`${REPOSITORY}/package.json`, 'utf8')).version,
    )
  })

  test('drains when it is stopped: everything accepted is answered, and the exit status is 0', async () => {
    const statuses: number[] = []
    const failures: unknown[] = []
    let stopped = false
    // Each asks again until the server no longer takes connections, which it may do only after the stop.
    const clients = Array.from({ length: 8 }, async () => {
      for (;;) {
        try {
          statuses.push((await invoke(container.url)).status)
        } catch (error) {
          if (!stopped) failures.push(error)
          return
        }
      }
    })
    await eventually('answers', async () => statuses.length > 100 || undefined)
    stopped = true
    await podman('stop', '-t', '30', container.id)
    await Promise.all(clients)
    expect(failures).toEqual([])
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(await podman('inspect', '-f', '{{.State.ExitCode}}', container.id)).toBe('0')
  })
})
