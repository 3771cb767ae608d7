import { createServer } from 'node:http'
import { Piscina } from 'piscina'

/** What a Node developer writes next: a worker thread, and one task for each request. */
const pool = new Piscina<readonly unknown[], Record<string, unknown>>({
  filename: new URL('./piscina-worker.mjs', import.meta.url).href,
  maxThreads: 1,
  minThreads: 1,
})

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', async () => {
    const { inputs } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    const predictions = await pool.run(inputs)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ predictions }))
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
