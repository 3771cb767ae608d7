import { createServer } from 'node:http'

/** The floor: node:http, JSON.parse, a fixed answer. Whatever serves JSON from Node costs at least this. */
const answer = Buffer.from(process.env.ANSWER ?? '{}')
const headers = { 'content-type': 'application/json', 'content-length': answer.length }

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString('utf8'))
    response.writeHead(200, headers)
    response.end(answer)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
