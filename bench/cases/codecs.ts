import { Bench } from 'tinybench'
import type { ModelContract } from '../../src/codec/mlflow/invocation.ts'
import { createScoringCodec } from '../../src/codec/mlflow/scoring.ts'
import { createRandom } from '../models/random.ts'
import type { Line } from '../report/report.ts'
import type { Case } from './case.ts'

const WIDTH = 16
const ROW_COUNTS = [1, 64, 4096] as const
const OPTIONS = {
  strictJson: false,
  hideSchemaDetails: false,
  maxDepth: 900,
  maxColumns: 1000,
  maxMemoryBytes: 1e9,
}
const NAMES = Array.from({ length: WIDTH }, (_, i) => `f${i}`)

const SPEC = { name: 'x', dtype: 'float32', shape: [-1, WIDTH] } as const

/** The contract of a model that takes one matrix, and of one that takes a column for each feature. */
const TENSOR_CONTRACT: ModelContract = {
  signature: undefined,
  inputs: [SPEC],
  outputs: [{ name: 'y', dtype: 'float32', shape: [-1, WIDTH] }],
}

type Row = readonly number[]

/** How each form spells the rows. */
const FORMS: Readonly<Record<string, (rows: readonly Row[]) => unknown>> = {
  inputs: (rows) => ({ inputs: rows }),
  instances: (rows) => ({ instances: rows }),
  dataframe_split: (rows) => ({ dataframe_split: { columns: NAMES, data: rows } }),
  dataframe_records: (rows) => ({
    dataframe_records: rows.map((row) =>
      Object.fromEntries(row.map((value, i) => [NAMES[i], value])),
    ),
  }),
}

/** The codec alone, beside JSON.parse and JSON.stringify of the same text. */
export const codecsCase: Case = {
  name: 'codecs',
  about: 'decode and encode by form and size',
  async run({ seconds, progress }) {
    const time = Math.min(200, seconds * 100)
    const codec = createScoringCodec(TENSOR_CONTRACT, OPTIONS)
    const random = createRandom(3)
    const lines: Line[] = []
    for (const count of ROW_COUNTS) {
      progress(`codecs, ${count} rows`)
      const rows = Array.from({ length: count }, () =>
        Array.from({ length: WIDTH }, () => Math.round(random() * 1e4) / 1e4),
      )
      for (const [form, spell] of Object.entries(FORMS)) {
        const body = Buffer.from(JSON.stringify(spell(rows)))
        lines.push({
          subject: `read ${form}, ${count} rows`,
          figures: await compare(
            time,
            body.length,
            () => codec.decode('application/json', body),
            () => JSON.parse(body.toString()),
          ),
        })
      }
      const data = Float32Array.from(rows.flat())
      const outputs = { y: { dtype: 'float32', shape: [count, WIDTH], data } } as const
      const answer = { layout: 'dict', wrapped: true } as const
      const plain = { predictions: { y: rows.map((row) => [...Float32Array.from(row)]) } }
      lines.push({
        subject: `write, ${count} rows`,
        figures: await compare(
          time,
          codec.encode(answer, outputs).length,
          () => codec.encode(answer, outputs),
          () => Buffer.from(JSON.stringify(plain)),
        ),
      })
    }
    const title = `codecs alone, rows of ${WIDTH} numbers with four decimals`
    return [{ name: 'codecs', title, lines }]
  },
}

/** MB (10^6 bytes) of text a second, by the best time: whatever else runs on the machine only adds to it. */
async function compare(
  time: number,
  bytes: number,
  baton: () => unknown,
  json: () => unknown,
): Promise<Record<string, number>> {
  const bench = new Bench({ time, warmupTime: time / 4 }).add('baton', baton).add('json', json)
  await bench.run()
  const [ours = Number.NaN, theirs = Number.NaN] = bench.tasks.map(({ result }) =>
    'latency' in result ? result.latency.min : Number.NaN,
  )
  return {
    bytes,
    us: ours * 1e3,
    'MB/s': bytes / ours / 1e3,
    'x JSON': theirs / ours,
  }
}
