import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AFFINE_BODY, createRegistry, type TestRegistry } from '../running-server.ts'
import { head, RawClient } from './raw-client.ts'
import { ServerProcess } from './server-process.ts'
import { Witness } from './witness.ts'

const MB = 2 ** 20
const CLIENTS = 1_000
const BUDGET_MB = 32
const PATH = '/models/affine/invocations'

let registry: TestRegistry
let server: ServerProcess

beforeAll(async () => {
  registry = await createRegistry({ affine: ['affine-1'] })
  server = await ServerProcess.start({
    MLFLOW_REGISTRY_URI: registry.root,
    BATON_MAX_INFLIGHT_BODY_BYTES: `${BUDGET_MB}MiB`,
  })
  await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), {
    timeout: 20_000,
  })
})

afterAll(async () => {
  await server.stop()
  await registry.remove()
})

describe('a thousand clients that each send a megabyte', () => {
  it('are answered or refused, within the memory for bodies, and nobody else suffers', async () => {
    const before = await server.peakBytes()
    const witness = new Witness(server.url, PATH, AFFINE_BODY)
    const body = Buffer.from(JSON.stringify({ inputs: [[0, 1, 2, 3]] }).padEnd(MB))
    const answers = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = new RawClient(server.url)
        await client.write(head(PATH, { 'content-length': body.length }))
        await Promise.race([client.write(body), client.answer])
        return client.answer
      }),
    )
    const { wrong, answers: witnessed } = await witness.stop()
    const count = (status: number) => answers.filter((answer) => answer.status === status).length
    expect(count(200) + count(429)).toBe(CLIENTS)
    expect(count(200)).toBeGreaterThan(0)
    expect(count(429)).toBeGreaterThan(0)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.body).toContain('BATON_MAX_INFLIGHT_BODY_BYTES')
    expect(refused?.headers['retry-after']).toBe('1')
    expect(wrong).toEqual([])
    expect(witnessed).toBeGreaterThan(0)
    // Beside what is counted: 64 KiB a connection, a copy where pieces are joined, and garbage.
    const most = (4 * BUDGET_MB + (CLIENTS * 64) / 1024 + 200) * MB
    expect((await server.peakBytes()) - before).toBeLessThan(most)
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/^baton_body_bytes 0$/m)
  })
})
