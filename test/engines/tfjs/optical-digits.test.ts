import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RunningServer } from '../../running-server.ts'

const MODELS = fileURLToPath(new URL('../../../models', import.meta.url))

/** What Keras answered when the model was trained. */
const KERAS = JSON.parse(readFileSync(`${MODELS}/optical-digits/expected.json`, 'utf8')) as {
  readonly inputs: readonly (readonly (readonly number[])[])[]
  readonly labels: readonly number[]
  readonly predictions: readonly (readonly number[])[]
}

describe('the sample optical-digits', () => {
  let server: RunningServer

  beforeAll(async () => {
    server = await RunningServer.start({
      MLFLOW_REGISTRY_URI: MODELS,
      MODEL_URI: 'models:/optical-digits@champion',
    })
  })
  afterAll(() => server.server.stop())

  async function predict(body: unknown): Promise<readonly (readonly number[])[]> {
    const response = await server.post('/invocations', body)
    expect(response.status).toBe(200)
    const { predictions } = (await response.json()) as { predictions: number[][] }
    return predictions
  }

  it.each(['inputs', 'instances'])('answers %s as Keras did, within 1e-5', async (form) => {
    const predictions = await predict({ [form]: KERAS.inputs })
    expect(predictions).toHaveLength(KERAS.predictions.length)
    for (const [row, expected] of KERAS.predictions.entries()) {
      expect(predictions[row]).toEqual(expected.map((value) => expect.closeTo(value, 5)))
    }
  })

  it('recognises the digits', async () => {
    const predictions = await predict({ inputs: KERAS.inputs })
    expect(predictions.map((row) => row.indexOf(Math.max(...row)))).toEqual(KERAS.labels)
  })

  it('answers each of many clients its own row, whatever batch it was in', async () => {
    const clients = Array.from({ length: 24 }, (_, i) => i % KERAS.inputs.length)
    const answers = await Promise.all(clients.map((i) => predict({ inputs: [KERAS.inputs[i]] })))
    for (const [client, answer] of answers.entries()) {
      const expected = KERAS.predictions[clients[client] ?? 0] ?? []
      expect(answer[0]).toEqual(expected.map((value) => expect.closeTo(value, 5)))
    }
  })

  it('is said to run on wasm, by /models and by a metric', async () => {
    const { models } = await server.models()
    expect(models[0]?.versions).toEqual([
      expect.objectContaining({ engine: 'tfjs', backend: 'wasm' }),
    ])
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toContain(
      'baton_backend_info{model="optical-digits",version="1",backend="wasm",missing_kernel=""} 1',
    )
  })
})
