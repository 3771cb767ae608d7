import { serve } from '@hono/node-server'
import { Hono } from 'hono'

/** Hono as its documentation shows it, JSON.parse, a fixed answer. */
const answer = process.env.ANSWER ?? '{}'
const app = new Hono()
app.post('/invocations', async (c) => {
  await c.req.json()
  return c.body(answer, 200, { 'content-type': 'application/json' })
})
serve({ fetch: app.fetch, port: Number(process.argv[2]), hostname: '127.0.0.1' })
