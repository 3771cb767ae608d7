import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTensorDict, writeTensorRecords } from '../../../src/codec/json/writer.ts'
import { createDirectDecoder, type DirectDecoder } from '../../../src/codec/mlflow/direct.ts'
import type { ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import { onnxEngine } from '../../../src/engines/onnx-engine.ts'
import type { EngineModel } from '../../../src/interfaces.ts'
import { parseMlmodel } from '../../../src/model/mlmodel.ts'
import { elementCount } from '../../../src/model/tensor.ts'

interface RecordedCase {
  readonly name: string
  readonly model: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly path?: string
  readonly status: number
  readonly response: string
}

const folder = (path: string) =>
  fileURLToPath(new URL(`../../fixtures/mlflow/${path}`, import.meta.url))

function jsonCases(): readonly RecordedCase[] {
  const all = readdirSync(folder('cases')).flatMap((file): readonly RecordedCase[] =>
    JSON.parse(readFileSync(folder(`cases/${file}`), 'utf8')),
  )
  const isJson = ({ headers }: RecordedCase) =>
    Object.values(headers ?? { type: 'application/json' }).join() === 'application/json'
  const isAnswered = ({ status }: RecordedCase) => status < 500
  return all.filter((one) => one.body !== undefined && !one.path && isAnswered(one) && isJson(one))
}

interface LoadedModel {
  readonly engine: EngineModel
  readonly contract: ModelContract
  readonly decode: DirectDecoder
}

async function load(name: string): Promise<LoadedModel | undefined> {
  try {
    const manifest = parseMlmodel(readFileSync(folder(`models/${name}/MLmodel`), 'utf8'))
    const options = { intraOpThreads: 1, interOpThreads: 1, device: 'cpu' } as const
    const engine = await onnxEngine.load(folder(`models/${name}`), manifest, options)
    const { inputs, outputs } = engine
    const contract = { signature: manifest.signature, inputs, outputs }
    return { engine, contract, decode: createDirectDecoder(contract) }
  } catch {
    return undefined
  }
}

async function answer({ engine, contract, decode }: LoadedModel, body: string) {
  const invocation = decode(Buffer.from(body))
  if (invocation === undefined) return undefined
  const results = await engine.run(invocation.feeds)
  const outputs = contract.outputs.map(({ name }) => [name, expectDefined(results[name])] as const)
  const isRecords = invocation.answer.layout === 'records'
  const sizes = new Set(outputs.map(([, output]) => elementCount(output.shape)))
  if (isRecords && sizes.size > 1) throw new Error('no frame holds columns of different length')
  const write = isRecords ? writeTensorRecords : writeTensorDict
  const text = write(outputs, { before: '{"predictions": ', after: '}' }, { strict: false })
  return Buffer.from(text as string).toString()
}

function expectDefined<T>(value: T | undefined): T {
  expect(value).toBeDefined()
  return value as T
}

describe('a request that the direct decoder reads', () => {
  const models = new Map<string, LoadedModel>()
  const cases = jsonCases()

  beforeAll(async () => {
    for (const name of new Set(cases.map((one) => one.model))) {
      const model = await load(name)
      if (model !== undefined) models.set(name, model)
    }
  }, 60_000)

  afterAll(async () => {
    for (const { engine } of models.values()) await engine.release()
  })

  it('is answered as the recorded server answered it, or fails in the model as it did there', async () => {
    const differences: unknown[] = []
    let read = 0
    for (const { name, model, body = '', status, response } of cases) {
      const loaded = models.get(model)
      const given = loaded && (await answer(loaded, body).catch(() => 'failed'))
      if (given === undefined) continue
      read++
      const isEqual = status === 200 ? given === response : given === 'failed'
      if (!isEqual) differences.push({ model, name, body, given, status, response })
    }
    expect(differences).toEqual([])
    expect(read).toBeGreaterThan(500)
  }, 60_000)
})
