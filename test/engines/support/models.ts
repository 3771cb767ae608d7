import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CodecOptions } from '../../../src/codec/mlflow/invocation.ts'
import type { EngineOptions } from '../../../src/interfaces.ts'
import type { OnnxSessionOptions } from '../../../src/model/flavor.ts'
import { type ModelManifest, parseMlmodel } from '../../../src/model/mlmodel.ts'

export const CPU: EngineOptions = {
  intraOpThreads: undefined,
  interOpThreads: undefined,
  device: 'cpu',
}

export const CODEC: CodecOptions = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 900,
  maxColumns: 1000,
  maxMemoryBytes: 1e9,
}

/** A folder of `test/fixtures/models`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/models/${name}`, import.meta.url))
}

export function manifestOf(folder: string): ModelManifest {
  return parseMlmodel(readFileSync(join(folder, 'MLmodel'), 'utf8'))
}

/** The manifest of a model that was saved with neither signature nor example. */
export function plainManifest(sessionOptions: Partial<OnnxSessionOptions> = {}): ModelManifest {
  return {
    flavor: {
      engine: 'onnx',
      data: 'model.onnx',
      sessionOptions: {
        interOpThreads: undefined,
        intraOpThreads: undefined,
        executionMode: undefined,
        graphOptimizationLevel: undefined,
        extraSessionConfig: {},
        ...sessionOptions,
      },
    },
    signature: undefined,
    modelId: undefined,
    runId: undefined,
    mlflowVersion: undefined,
    createdAt: undefined,
    servingInputPath: undefined,
  }
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'baton-engines-'))
}
