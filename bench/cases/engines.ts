import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import type { CodecOptions } from '../../src/codec/mlflow/invocation.ts'
import { WorkerPool } from '../../src/engines/worker-pool.ts'
import { ServingError } from '../../src/errors.ts'
import type { LoadedModel } from '../../src/interfaces.ts'
import type { TfjsBackend } from '../../src/model/flavor.ts'
import { type ModelManifest, parseMlmodel } from '../../src/model/mlmodel.ts'
import { sampleRows } from '../models/bench-models.ts'
import { mlp } from '../models/networks.ts'
import { writeTfjs } from '../models/tfjs-writer.ts'
import { type Line, median } from '../report/report.ts'
import type { Case } from './case.ts'

const BATCHES = [1, 32] as const
const BACKENDS: readonly TfjsBackend[] = ['wasm', 'cpu', 'tfjs-node']
const ONNX = parseMlmodel('flavors: {onnx: {data: model.onnx}}')
/** Reads no request here. */
const CODEC: CodecOptions = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 900,
  maxColumns: 1000,
  maxMemoryBytes: 2 ** 30,
}
const { signal } = new AbortController()

/** The same network on each engine and backend, one worker thread with one thread inside. */
export const enginesCase: Case = {
  name: 'engines',
  about: 'one network in ONNX Runtime and on the backends of TensorFlow.js',
  async run({ models, seconds, progress }) {
    const folder = await mkdtemp(join(tmpdir(), 'baton-bench-tfjs-'))
    await writeTfjs(folder, mlp())
    const lines: Line[] = []
    const notes: string[] = []
    const subjects: [string, string, ModelManifest][] = [
      ['ONNX Runtime', dirname(models.models.mlp.onnxFile), ONNX],
      ...BACKENDS.map((backend): [string, string, ModelManifest] => [
        backend,
        folder,
        tfjs(backend),
      ]),
    ]
    for (const [subject, files, manifest] of subjects) {
      const pool = createPool()
      try {
        progress(`${subject}, load`)
        const model = await pool.load(files, manifest, signal)
        for (const rows of BATCHES) {
          progress(`${subject}, ${rows} rows`)
          const data = sampleRows(models.models.mlp, rows)
          lines.push(await measure(`${subject}, ${rows} rows`, model, data, rows, seconds))
        }
      } catch (error) {
        if (!(error instanceof ServingError && error.code === 'LOAD_FAILED')) throw error
        notes.push(`${subject} was left out: ${error.message}`)
      } finally {
        await pool.close(1000)
      }
    }
    await rm(folder, { recursive: true })
    return [{ name: 'engines', title: 'mlp, there and back to a worker thread', lines, notes }]
  },
}

function tfjs(backend: TfjsBackend): ModelManifest {
  return parseMlmodel(`flavors: {tfjs: {data: ., format: graph-model, backend: ${backend}}}`)
}

function createPool(): WorkerPool {
  return new WorkerPool({
    workers: 1,
    engine: { intraOpThreads: 1, interOpThreads: undefined, device: 'cpu' },
    codec: CODEC,
    placement: 'dedicated',
    cores: 1,
    servedModels: () => 1,
    hangTimeoutMs: undefined,
    clock: systemClock,
    observer: {},
  })
}

async function measure(
  subject: string,
  model: LoadedModel,
  data: Float32Array,
  rows: number,
  seconds: number,
): Promise<Line> {
  const name = model.info.inputs[0]?.name ?? ''
  const times: number[] = []
  const end = performance.now() + Math.min(seconds, 2) * 1e3
  while (performance.now() < end) {
    const feeds = {
      [name]: { dtype: 'float32', shape: [rows, data.length / rows], data: data.slice() },
    } as const
    const started = performance.now()
    await model.run(feeds)
    times.push(performance.now() - started)
  }
  return { subject, figures: { 'p50 us': median(times) * 1e3 } }
}
