import autocannon from 'autocannon'
import type { LoadRequest, LoadResult } from './load.ts'

/** autocannon in this process. */
export async function autocannonLoad(request: LoadRequest): Promise<LoadResult> {
  const bodies = new Set<string>()
  const latencies: number[] = []
  const options: autocannon.Options = {
    url: request.url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: request.body,
    connections: request.connections,
    duration: request.seconds,
    setupClient: (client) => {
      client.on('body', (body) => bodies.add(String(body)))
    },
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(options, (error, done) => (error ? reject(error) : resolve(done)))
    instance.on('response', (_client, _status, _bytes, ms) => latencies.push(ms))
  })
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
  return {
    requests: result['2xx'],
    seconds: result.duration,
    p50: at(0.5),
    p99: at(0.99),
    failed: result.non2xx + result.errors + result.timeouts,
    bodies: [...bodies],
  }
}
