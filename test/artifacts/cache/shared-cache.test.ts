import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ArtifactCache } from '../../../src/artifacts/cache/artifact-cache.ts'
import { ProxyStore } from '../../../src/artifacts/proxy/proxy-store.ts'
import { systemClock } from '../../../src/clock.ts'
import { FakeProxy } from '../fake-proxy.ts'
import type { ChildMessage, ChildTask } from './cache-child.ts'

const version = {
  name: 'iris',
  version: '1',
  source: 'mlflow-artifacts:/iris/1',
  identity: 'a',
}
const content = 'x'.repeat(1_000_000)
const children: ChildProcess[] = []
let server: FakeProxy
let folder: string

beforeEach(async () => {
  server = await FakeProxy.start()
  folder = await mkdtemp(join(tmpdir(), 'shared-cache-'))
  server.files.set('iris/1/MLmodel', 'flavors: {}')
  server.files.set('iris/1/model.onnx', content)
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await server.stop()
  await rm(folder, { recursive: true })
})

function start(): ChildProcess {
  const task: ChildTask = { folder, tracking: server.url, version }
  const script = fileURLToPath(new URL('cache-child.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(task)], { execArgv: ['--import', 'tsx'] })
  children.push(child)
  return child
}

/** Waits for a message of the child that the test accepts. */
async function message(child: ChildProcess, accept: (message: ChildMessage) => boolean) {
  return await new Promise<ChildMessage>((resolve, reject) => {
    child.on('message', (received: ChildMessage) => {
      if (accept(received)) resolve(received)
      else if (received.kind === 'failed') reject(new Error(received.message))
    })
    child.once('exit', (code) => reject(new Error(`the child exited with ${code}`)))
  })
}

function open(maxBytes = 2 ** 30): ArtifactCache {
  const store = new ProxyStore({ uri: server.url })
  return new ArtifactCache(
    { storeFor: () => store },
    { folder, maxBytes, maxFiles: 100, maxModelBytes: 2 ** 30, clock: systemClock },
  )
}

async function names(): Promise<{ entries: string[]; staging: string[] }> {
  const all = await readdir(folder)
  return {
    entries: all.filter((name) => !name.startsWith('.')),
    staging: await readdir(join(folder, '.staging')),
  }
}

describe('a process that is killed in the middle of a download', () => {
  it('leaves nothing that is trusted, and the next one clears it and downloads', async () => {
    server.beforeRead = async (path) => {
      if (path.endsWith('MLmodel')) await new Promise(() => {})
    }
    server.faults.push({ kind: 'stall', afterBytes: 300_000 })
    const child = start()
    await message(child, (received) => received.kind === 'progress' && received.bytesDone > 100_000)
    child.kill('SIGKILL')
    await once(child, 'exit')
    server.beforeRead = undefined
    expect(await names()).toEqual({ entries: [], staging: [expect.any(String)] })

    const artifact = await open().acquire(version, () => {}, new AbortController().signal)
    expect(await readFile(join(artifact.folder, 'model.onnx'), 'utf8')).toBe(content)
    expect(await names()).toEqual({ entries: [expect.any(String)], staging: [] })
    artifact.release()
  })

  it('keeps no entry from being evicted', async () => {
    const child = start()
    await message(child, (received) => received.kind === 'held')
    await open(1).entries()
    expect((await names()).entries).toHaveLength(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await open(1).entries()
    expect((await names()).entries).toEqual([])
  })
})

describe('two processes that share a cache', () => {
  it('may download the same version at once; one of the two is kept, and both use it', async () => {
    const arrived: (() => void)[] = []
    server.beforeRead = async (path) => {
      if (!path.endsWith('model.onnx')) return
      // Neither gets the file before both have asked for it.
      await new Promise<void>((resolve) => {
        arrived.push(resolve)
        if (arrived.length === 2) for (const go of arrived) go()
      })
    }
    const pair = [start(), start()]
    const held = await Promise.all(
      pair.map((child) => message(child, (received) => received.kind === 'held')),
    )
    expect(held[0]).toEqual(held[1])
    expect(server.reads.filter((path) => path.endsWith('model.onnx'))).toHaveLength(2)
    expect(await names()).toEqual({ entries: [expect.any(String)], staging: [] })
    const [{ folder: files } = { folder: '' }] = held as { folder: string }[]
    expect(await readFile(join(files, 'model.onnx'), 'utf8')).toBe(content)
    expect(await readdir(join(files, '../leases'))).toHaveLength(2)
    for (const child of pair) {
      child.send('release')
      await once(child, 'exit')
    }
    expect(await readdir(join(files, '../leases'))).toEqual([])
  })

  it('do not clear what the other is downloading', async () => {
    let go = () => {}
    const begun = new Promise<void>((resolve) => {
      server.beforeRead = async (path) => {
        if (!path.endsWith('model.onnx')) return
        await new Promise<void>((proceed) => {
          go = proceed
          resolve()
        })
      }
    })
    const child = start()
    const held = message(child, (received) => received.kind === 'held')
    await begun
    await open().entries()
    expect((await names()).staging).toHaveLength(1)
    go()
    await held
    expect((await names()).entries).toHaveLength(1)
  })
})
