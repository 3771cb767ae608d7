import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ModelContract } from '../../../src/codec/mlflow/invocation.ts'
import { onnxEngine } from '../../../src/engines/onnx-engine.ts'
import { ServingError } from '../../../src/errors.ts'
import type { EngineModel } from '../../../src/interfaces.ts'
import { parseMlmodel } from '../../../src/model/mlmodel.ts'

/** A request and the answer that MLflow gave; the format is that of `test/fixtures/mlflow/README.md`. */
export interface RecordedCase {
  readonly name: string
  readonly model: string
  readonly env?: Readonly<Record<string, string>>
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly body_base64?: string
  readonly status: number
  readonly response_headers?: Readonly<Record<string, string>>
  readonly response?: string
  readonly response_base64?: string
}

const folder = (path: string): string =>
  fileURLToPath(new URL(`../../fixtures/mlflow/${path}`, import.meta.url))

/** Names of the files of cases, by theme. */
export function themes(): readonly string[] {
  return readdirSync(folder('cases')).map((file) => file.replace('.json', ''))
}

export function casesOf(theme: string): readonly RecordedCase[] {
  return JSON.parse(readFileSync(folder(`cases/${theme}.json`), 'utf8'))
}

export function bodyOf(recorded: RecordedCase): Uint8Array {
  if (recorded.body_base64 !== undefined) return Buffer.from(recorded.body_base64, 'base64')
  return Buffer.from(recorded.body ?? '')
}

export interface FixtureModel {
  readonly engine: EngineModel
  readonly contract: ModelContract
}

const options = { intraOpThreads: 1, interOpThreads: 1, device: 'cpu' } as const

/** A model of the fixtures, or why it cannot be loaded. */
export async function loadFixture(name: string): Promise<FixtureModel | ServingError> {
  try {
    const manifest = parseMlmodel(readFileSync(folder(`models/${name}/MLmodel`), 'utf8'))
    const engine = await onnxEngine.load(folder(`models/${name}`), manifest, options)
    const { inputs, outputs } = engine
    return { engine, contract: { signature: manifest.signature, inputs, outputs } }
  } catch (error) {
    return ServingError.from(error)
  }
}
