import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { randomRows } from '../interop/support/affine.ts'
import type { Baton } from '../interop/support/baton.ts'
import { localModels, serveLocal } from './support/local-models.ts'
import { faultRow, nothingLost, Scene } from './support/scene.ts'

const ORDER = 5
const CONNECTIONS = 10_000
const BODY = JSON.stringify({ inputs: { x: [[0, 1, 2, 3]] } })

let scene = new Scene()
afterEach(async () => {
  await scene.cleanup.run()
  scene = new Scene()
})

/** Opens a connection to Baton. */
async function open(baton: Baton): Promise<Socket> {
  const socket = connect(Number(new URL(baton.url).port), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

const requestText = (body: string) =>
  `POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

/** Asks over one connection until an answer says that it is the last one; resolves to the number of answers. */
async function askUntilClosed(baton: Baton): Promise<number> {
  const socket = (await open(baton)).setEncoding('utf8')
  for (let answers = 1; ; answers++) {
    socket.write(requestText(BODY))
    const [answer] = (await once(socket, 'data')) as [string]
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    if (/^connection: close/im.test(answer)) return answers
  }
}

describe('SIGTERM', () => {
  test('under load: every accepted request is answered, and the status is 0', async () => {
    const { root } = await localModels(scene, 'affine-1')
    const baton = await serveLocal(scene, root, {}, ['--shutdown-delay', '300ms'])
    const asking = Promise.all(Array.from({ length: 16 }, () => askUntilClosed(baton)))
    await scene.clients(baton).answered(50)
    baton.signal('SIGTERM')
    const answers = (await asking).reduce((sum, count) => sum + count, 0)
    expect(await baton.ended).toEqual({ status: 0, signal: null })
    await faultRow(ORDER, {
      fault: 'SIGTERM under load',
      clients: `${answers} answers over 16 connections, 0 lost; the last of each with \`connection: close\``,
      logged: baton.logged('finishing what was accepted'),
      recovered: 'the process ended with status 0',
    })
  })

  test('twice, while a run does not end: the process ends at once', async () => {
    const { root } = await localModels(scene, 'slow')
    const baton = await serveLocal(scene, root, {}, ['--drain-timeout', '60s'])
    const hanging = baton.predict({ inputs: { count: [1e13] } }).then(
      () => 'answered',
      () => 'cut',
    )
    await expect.poll(() => baton.metric('baton_requests_in_flight')).toBe(1)
    baton.signal('SIGTERM')
    await expect.poll(() => baton.logged('finishing what was accepted')).toBeDefined()
    const started = performance.now()
    baton.signal('SIGTERM')
    expect(await baton.ended).toMatchObject({ signal: 'SIGKILL' })
    const ms = Math.round(performance.now() - started)
    expect(ms).toBeLessThan(3000)
    await faultRow(ORDER, {
      fault: 'SIGTERM twice, while a run hangs in native code, with `--drain-timeout 60s`',
      clients: `the request that hung: ${await hanging}`,
      logged: baton.logged('ending at once'),
      recovered: `the process ended ${ms < 500 ? 'within half a second' : `in ${ms} ms`} of the second signal`,
    })
  })
})

test('ten thousand connections are held, and clients beside them are served', async () => {
  const limits = await readFile('/proc/self/limits', 'utf8')
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
  const wanted = Math.min(CONNECTIONS, files - 1000)
  const { root } = await localModels(scene, 'affine-1')
  const baton = await serveLocal(scene, root)
  const clients = scene.clients(baton)
  await clients.settledOn('1')
  const sockets: Socket[] = []
  scene.cleanup.add(sockets, async (all) => {
    for (const socket of all) socket.destroy()
  })
  while (sockets.length < wanted) {
    const more = Math.min(100, wanted - sockets.length)
    const opened = await Promise.all(
      Array.from({ length: more }, async () => {
        const socket = await open(baton)
        socket.write(requestText(BODY))
        expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 200 /)
        return socket
      }),
    )
    sockets.push(...opened)
  }
  await clients.answered(50)
  expect(sockets.filter((socket) => socket.readyState === 'open')).toHaveLength(wanted)
  const held = await baton.metric('baton_connections')
  await faultRow(ORDER, {
    fault: `${wanted.toLocaleString('en')} connections, each asked once and kept`,
    clients: nothingLost(await clients.stop()),
    logged: `nothing; \`baton_connections\` ${held}`,
    recovered: 'idle connections end at the idle timeout',
  })
})

test('a client that never reads takes no memory without end, and nobody waits for it', async () => {
  const { root } = await localModels(scene, 'affine-1')
  const baton = await serveLocal(scene, root, { BATON_WRITE_TIMEOUT: '2s' })
  const clients = scene.clients(baton)
  await clients.settledOn('1')
  const before = await baton.residentBytes()
  const socket = (await open(baton)).pause()
  const closed = once(socket, 'close').catch(() => undefined)
  socket.on('error', () => {})
  const question = requestText(JSON.stringify({ inputs: { x: randomRows(6000) } }))
  // One after the other, so that they do not fill the queue; together more than the kernel keeps for a reader.
  for (let asked = 0; asked < 80; asked++) {
    socket.write(question)
    await clients.answered(4)
  }
  await expect
    .poll(() => baton.metric('baton_rejected_requests_total', 'reason="write_timeout"'), {
      timeout: 20_000,
    })
    .toBe(1)
  const grown = (await baton.residentBytes()) - before
  expect(grown).toBeLessThan(300 * 2 ** 20)
  const seen = nothingLost(await clients.stop())
  socket.resume()
  await closed
  await faultRow(ORDER, {
    fault: 'A client that never reads: 80 requests of 6,000 rows, with `--write-timeout 2s`',
    clients: `${seen} beside it`,
    logged: '`baton_rejected_requests_total{reason="write_timeout"}` 1',
    recovered: `its connection was ended; resident memory had grown by ${Math.round(grown / 2 ** 20)} MiB`,
  })
})
