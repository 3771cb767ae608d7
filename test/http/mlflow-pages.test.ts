import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVIATIONS } from '../codec/mlflow/deviations.ts'
import { bodyOf, casesOf, type RecordedCase } from '../codec/mlflow/recorded.ts'
import { RunningServer } from '../running-server.ts'

const MODEL = fileURLToPath(new URL('../fixtures/mlflow/models/nosig-double', import.meta.url))

let running: RunningServer

beforeAll(async () => {
  running = await RunningServer.start({ MODEL_URI: MODEL })
})

afterAll(() => running.server.stop())

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Sends a recorded request as it was sent to MLflow: `fetch` would mend paths and methods. */
function send(recorded: RecordedCase): Promise<Answer> {
  const { method = 'POST', path = '/invocations' } = recorded
  const headers = recorded.headers ?? { 'Content-Type': 'application/json' }
  const { hostname, port } = new URL(running.url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        const contentType = headers['content-type'] ?? ''
        resolve({ status, contentType, headers, body: Buffer.concat(chunks).toString() })
      })
    })
    sent.on('error', reject)
    sent.end(bodyOf(recorded))
  })
}

function difference(recorded: RecordedCase, answer: Answer): object | undefined {
  const expected = {
    status: recorded.status,
    'content-type': recorded.response_headers?.['content-type'],
    allow: recorded.response_headers?.allow,
    location: recorded.response_headers?.location?.replace('http://127.0.0.1', running.url),
    body: recorded.response,
  }
  const received = {
    status: answer.status,
    // A redirect has no body, and so no type.
    'content-type': expected['content-type'] && answer.headers['content-type'],
    allow: answer.headers.allow,
    location: answer.headers.location,
    body: answer.body,
  }
  if (JSON.stringify(expected) === JSON.stringify(received)) return undefined
  if (DEVIATIONS.some(({ explains }) => explains(recorded, answer))) return undefined
  return { name: recorded.name, expected, received }
}

describe.each(['pages', 'content-type'])('what MLflow 3.18 answered over HTTP: %s', (theme) => {
  it('is what Baton answers, or a documented deviation', async () => {
    const cases = casesOf(theme).filter(({ model, env }) => model === 'nosig-double' && !env)
    expect(cases.length).toBeGreaterThan(20)
    const differences: object[] = []
    for (const recorded of cases) {
      const found = difference(recorded, await send(recorded))
      if (found !== undefined) differences.push(found)
    }
    expect(differences).toEqual([])
  })
})
